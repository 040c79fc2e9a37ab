// python -m pytest tests/passes/test_golden.py -k merge_equal_blocks
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^a(%x : !torch.vtensor<[2],f32>), ^b(%x : !torch.vtensor<[2],f32>)
  ^a(%x_1: !torch.vtensor<[2],f32>):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.mul.Scalar"(%x_1, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^end_a(%y_1 : !torch.vtensor<[2],f32>)
  ^b(%u: !torch.vtensor<[2],f32>):
    %int2_2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %v = "torch.aten.mul.Scalar"(%u, %int2_2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^end_b(%v : !torch.vtensor<[2],f32>)
  ^end_a(%end_a: !torch.vtensor<[2],f32>):
    %c3 = arith.constant 3 : i64
    func.return {adaptc.tree = "(%0, %1)"} %end_a, %c3 : !torch.vtensor<[2],f32>, i64
  ^end_b(%end_b: !torch.vtensor<[2],f32>):
    %c3_1 = arith.constant 3 : i64
    func.return {adaptc.tree = "(%0, %1)"} %end_b, %c3_1 : !torch.vtensor<[2],f32>, i64
  }
}
// ----- merge-equal-blocks
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^a(%x : !torch.vtensor<[2],f32>), ^a(%x : !torch.vtensor<[2],f32>)
  ^a(%x_1: !torch.vtensor<[2],f32>):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.mul.Scalar"(%x_1, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^end_a(%y_1 : !torch.vtensor<[2],f32>)
  ^end_a(%end_a: !torch.vtensor<[2],f32>):
    %c3 = arith.constant 3 : i64
    func.return {adaptc.tree = "(%0, %1)"} %end_a, %c3 : !torch.vtensor<[2],f32>, i64
  }
}

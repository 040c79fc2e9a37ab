// python -m pytest tests/passes/test_golden.py -k fuse_code_after_code
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i1, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %flag = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %positive = "adaptc.read"(%flag) {name = "positive"} : (!torch.vtensor<[],i1>) -> i1
    %true = arith.constant true
    %not = arith.xori %positive, %true : i1
    cf.br ^next(%y, %x, %not : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, i1)
  ^next(%v: !torch.vtensor<[2],f32>, %u: !torch.vtensor<[2],f32>, %b: i1):
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.sub.Tensor"(%v, %u, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %m = arith.extui %b : i1 to i64
    func.return {adaptc.tree = "(%0, %1, %2)"} %y_1, %b, %m : !torch.vtensor<[2],f32>, i1, i64
  }
}
// ----- fuse-chains
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i1, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %flag = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y.1 = "torch.aten.sub.Tensor"(%y, %x, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %positive = "adaptc.read"(%flag) {name = "positive"} : (!torch.vtensor<[],i1>) -> i1
    %true = arith.constant true
    %b = arith.xori %positive, %true : i1
    %m = arith.extui %b : i1 to i64
    func.return {adaptc.tree = "(%0, %1, %2)"} %y.1, %b, %m : !torch.vtensor<[2],f32>, i1, i64
  }
}

// python -m pytest tests/passes/test_golden.py -k select_counting_switch
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    %k = arith.extui %go : i1 to i64
    cf.cond_br %go, ^choose(%y, %k : !torch.vtensor<[2],f32>, i64), ^choose(%x, %k : !torch.vtensor<[2],f32>, i64)
  ^choose(%x_1: !torch.vtensor<[2],f32>, %k_1: i64):
    %c5 = arith.constant 5 : i64
    %c6 = arith.constant 6 : i64
    cf.switch %k_1 : i64, [
      default: ^end(%x_1, %k_1 : !torch.vtensor<[2],f32>, i64),
      1: ^end(%x_1, %c5 : !torch.vtensor<[2],f32>, i64),
      7: ^end(%x_1, %c6 : !torch.vtensor<[2],f32>, i64)
    ]
  ^end(%x_2: !torch.vtensor<[2],f32>, %n: i64):
    func.return {adaptc.tree = "(%0, %1)"} %x_2, %n : !torch.vtensor<[2],f32>, i64
  }
}
// ----- select-cheap-branch
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    %k = arith.extui %go : i1 to i64
    cf.cond_br %go, ^choose(%y, %k : !torch.vtensor<[2],f32>, i64), ^choose(%x, %k : !torch.vtensor<[2],f32>, i64)
  ^choose(%x_1: !torch.vtensor<[2],f32>, %k_1: i64):
    %c1 = arith.constant 1 : i64
    %eq = arith.cmpi eq, %k_1, %c1 : i64
    %c5 = arith.constant 5 : i64
    %c7 = arith.constant 7 : i64
    %eq_1 = arith.cmpi eq, %k_1, %c7 : i64
    %c6 = arith.constant 6 : i64
    %select = arith.select %eq_1, %c6, %k_1 : i64
    %select_1 = arith.select %eq, %c5, %select : i64
    cf.br ^end(%x_1, %select_1 : !torch.vtensor<[2],f32>, i64)
  ^end(%x_2: !torch.vtensor<[2],f32>, %n: i64):
    func.return {adaptc.tree = "(%0, %1)"} %x_2, %n : !torch.vtensor<[2],f32>, i64
  }
}

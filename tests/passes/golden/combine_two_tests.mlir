// python -m pytest tests/passes/test_golden.py -k combine_two_tests
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    %c1 = arith.constant 1 : i64
    %c0 = arith.constant 0 : i64
    cf.cond_br %go, ^test(%y, %c1 : !torch.vtensor<[2],f32>, i64), ^go_on(%y, %c0 : !torch.vtensor<[2],f32>, i64)
  ^test(%y_1: !torch.vtensor<[2],f32>, %n: i64):
    %neg = "adaptc.neg"(%n) : (i64) -> i64
    %test = arith.cmpi sge, %n, %neg : i64
    cf.cond_br %test, ^leave(%y_1 : !torch.vtensor<[2],f32>), ^go_on(%y_1, %n : !torch.vtensor<[2],f32>, i64)
  ^leave(%x_1: !torch.vtensor<[2],f32>):
    %cm1 = arith.constant -1 : i64
    func.return {adaptc.tree = "(%0, %1)"} %x_1, %cm1 : !torch.vtensor<[2],f32>, i64
  ^go_on(%x_2: !torch.vtensor<[2],f32>, %n_1: i64):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_2 = "torch.aten.mul.Scalar"(%x_2, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    func.return {adaptc.tree = "(%0, %1)"} %y_2, %n_1 : !torch.vtensor<[2],f32>, i64
  }
}
// ----- combine-branches
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    %c1 = arith.constant 1 : i64
    %neg = "adaptc.neg"(%c1) : (i64) -> i64
    %ge = arith.cmpi sge, %c1, %neg : i64
    %test = arith.andi %go, %ge : i1
    %c0 = arith.constant 0 : i64
    %select = arith.select %go, %c1, %c0 : i64
    cf.cond_br %test, ^leave(%y : !torch.vtensor<[2],f32>), ^go_on(%y, %select : !torch.vtensor<[2],f32>, i64)
  ^leave(%x_1: !torch.vtensor<[2],f32>):
    %cm1 = arith.constant -1 : i64
    func.return {adaptc.tree = "(%0, %1)"} %x_1, %cm1 : !torch.vtensor<[2],f32>, i64
  ^go_on(%x_2: !torch.vtensor<[2],f32>, %n: i64):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.mul.Scalar"(%x_2, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    func.return {adaptc.tree = "(%0, %1)"} %y_1, %n : !torch.vtensor<[2],f32>, i64
  }
}

// python -m pytest tests/passes/test_golden.py -k merge_host_after_code
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %c1 = arith.constant 1 : i64
    cf.br ^work(%x, %c1 : !torch.vtensor<[2],f32>, i64)
  ^work(%x_1: !torch.vtensor<[2],f32>, %i: i64):
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x_1, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %flag = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x_1, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %positive = "adaptc.read"(%flag) {name = "positive"} : (!torch.vtensor<[],i1>) -> i1
    %c1_1 = arith.constant 1 : i64
    %add = arith.addi %i, %c1_1 : i64
    %c3 = arith.constant 3 : i64
    cf.br ^test(%y, %add, %c3 : !torch.vtensor<[2],f32>, i64, i64)
  ^test(%v: !torch.vtensor<[2],f32>, %n: i64, %m: i64):
    %y_1 = arith.muli %n, %n : i64
    %test = arith.cmpi sgt, %y_1, %m : i64
    cf.cond_br %test, ^big(%v, %n : !torch.vtensor<[2],f32>, i64), ^small(%v, %y_1 : !torch.vtensor<[2],f32>, i64)
  ^big(%v_1: !torch.vtensor<[2],f32>, %n_1: i64):
    func.return {adaptc.tree = "(%0, %1)"} %v_1, %n_1 : !torch.vtensor<[2],f32>, i64
  ^small(%v_2: !torch.vtensor<[2],f32>, %n_2: i64):
    func.return {adaptc.tree = "(%0, %1)"} %v_2, %n_2 : !torch.vtensor<[2],f32>, i64
  }
}
// ----- merge-chains
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %flag = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %positive = "adaptc.read"(%flag) {name = "positive"} : (!torch.vtensor<[],i1>) -> i1
    %c1 = arith.constant 1 : i64
    %n = arith.addi %c1, %c1 : i64
    %y.1 = arith.muli %n, %n : i64
    %c3 = arith.constant 3 : i64
    %test = arith.cmpi sgt, %y.1, %c3 : i64
    cf.cond_br %test, ^big(%y, %n : !torch.vtensor<[2],f32>, i64), ^small(%y, %y.1 : !torch.vtensor<[2],f32>, i64)
  ^big(%v: !torch.vtensor<[2],f32>, %n_1: i64):
    func.return {adaptc.tree = "(%0, %1)"} %v, %n_1 : !torch.vtensor<[2],f32>, i64
  ^small(%v_1: !torch.vtensor<[2],f32>, %n_2: i64):
    func.return {adaptc.tree = "(%0, %1)"} %v_1, %n_2 : !torch.vtensor<[2],f32>, i64
  }
}

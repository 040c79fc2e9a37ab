// python -m pytest tests/passes/test_golden.py -k select_counting_arms
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64, i1) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    %c4 = arith.constant 4 : i64
    %c0 = arith.constant 0 : i64
    cf.cond_br %go, ^count(%y, %c4 : !torch.vtensor<[2],f32>, i64), ^end(%y, %c0, %go : !torch.vtensor<[2],f32>, i64, i1)
  ^count(%y_1: !torch.vtensor<[2],f32>, %n: i64):
    %c1 = arith.constant 1 : i64
    %more = arith.addi %n, %c1 : i64
    %false = arith.constant false
    cf.br ^end(%y_1, %more, %false : !torch.vtensor<[2],f32>, i64, i1)
  ^end(%y_2: !torch.vtensor<[2],f32>, %n_1: i64, %b: i1):
    func.return {adaptc.tree = "(%0, %1, %2)"} %y_2, %n_1, %b : !torch.vtensor<[2],f32>, i64, i1
  }
}
// ----- select-cheap-branch
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64, i1) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    %c4 = arith.constant 4 : i64
    %c1 = arith.constant 1 : i64
    %add = arith.addi %c4, %c1 : i64
    %c0 = arith.constant 0 : i64
    %select = arith.select %go, %add, %c0 : i64
    %false = arith.constant false
    %select_1 = arith.select %go, %false, %go : i1
    cf.br ^end(%y, %select, %select_1 : !torch.vtensor<[2],f32>, i64, i1)
  ^end(%y_1: !torch.vtensor<[2],f32>, %n: i64, %b: i1):
    func.return {adaptc.tree = "(%0, %1, %2)"} %y_1, %n, %b : !torch.vtensor<[2],f32>, i64, i1
  }
}

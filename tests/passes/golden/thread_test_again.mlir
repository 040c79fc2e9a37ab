// python -m pytest tests/passes/test_golden.py -k thread_test_again
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i1) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^layer(%x, %go : !torch.vtensor<[2],f32>, i1), ^gate(%x, %go : !torch.vtensor<[2],f32>, i1)
  ^layer(%x_1: !torch.vtensor<[2],f32>, %b: i1):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.mul.Scalar"(%x_1, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^gate(%y_1, %b : !torch.vtensor<[2],f32>, i1)
  ^gate(%x_2: !torch.vtensor<[2],f32>, %b_1: i1):
    %none_1 = "torch.constant.none"() : () -> !torch.none
    %sum_1 = "torch.aten.sum"(%x_2, %none_1) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0_1 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t_1 = "torch.aten.gt.Scalar"(%sum_1, %int0_1) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %again = "adaptc.read"(%t_1) {name = "again"} : (!torch.vtensor<[],i1>) -> i1
    %c1 = arith.constant 1 : i64
    %test = "adaptc.eq"(%b_1, %c1) : (i1, i64) -> i1
    cf.cond_br %test, ^end(%x_2, %again : !torch.vtensor<[2],f32>, i1), ^double(%x_2 : !torch.vtensor<[2],f32>)
  ^double(%x_3: !torch.vtensor<[2],f32>):
    %int2_2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_2 = "torch.aten.mul.Scalar"(%x_3, %int2_2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %false = arith.constant false
    cf.br ^end(%y_2, %false : !torch.vtensor<[2],f32>, i1)
  ^end(%x_4: !torch.vtensor<[2],f32>, %b_2: i1):
    func.return {adaptc.tree = "(%0, %1)"} %x_4, %b_2 : !torch.vtensor<[2],f32>, i1
  }
}
// ----- thread-jumps
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i1) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^layer(%x, %go : !torch.vtensor<[2],f32>, i1), ^gate.1(%x, %go : !torch.vtensor<[2],f32>, i1)
  ^layer(%x_1: !torch.vtensor<[2],f32>, %b: i1):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.mul.Scalar"(%x_1, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^gate(%y_1, %b : !torch.vtensor<[2],f32>, i1)
  ^gate(%x_2: !torch.vtensor<[2],f32>, %b_1: i1):
    %none_1 = "torch.constant.none"() : () -> !torch.none
    %sum_1 = "torch.aten.sum"(%x_2, %none_1) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0_1 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t_1 = "torch.aten.gt.Scalar"(%sum_1, %int0_1) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %again = "adaptc.read"(%t_1) {name = "again"} : (!torch.vtensor<[],i1>) -> i1
    cf.br ^end(%x_2, %again : !torch.vtensor<[2],f32>, i1)
  ^double(%x_3: !torch.vtensor<[2],f32>):
    %int2_2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_2 = "torch.aten.mul.Scalar"(%x_3, %int2_2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %false = arith.constant false
    cf.br ^end(%y_2, %false : !torch.vtensor<[2],f32>, i1)
  ^end(%x_4: !torch.vtensor<[2],f32>, %b_2: i1):
    func.return {adaptc.tree = "(%0, %1)"} %x_4, %b_2 : !torch.vtensor<[2],f32>, i1
  ^gate.1(%x_5: !torch.vtensor<[2],f32>, %b_3: i1):
    %none_2 = "torch.constant.none"() : () -> !torch.none
    %sum_2 = "torch.aten.sum"(%x_5, %none_2) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0_2 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t_2 = "torch.aten.gt.Scalar"(%sum_2, %int0_2) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %again.1 = "adaptc.read"(%t_2) {name = "again.1"} : (!torch.vtensor<[],i1>) -> i1
    cf.br ^double(%x_5 : !torch.vtensor<[2],f32>)
  }
}

// python -m pytest tests/passes/test_golden.py -k duplicate_gate
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^layer(%x : !torch.vtensor<[2],f32>), ^gate(%x : !torch.vtensor<[2],f32>)
  ^layer(%x_1: !torch.vtensor<[2],f32>):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.mul.Scalar"(%x_1, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^gate(%y_1 : !torch.vtensor<[2],f32>)
  ^gate(%u: !torch.vtensor<[2],f32>):
    %none_1 = "torch.constant.none"() : () -> !torch.none
    %sum_1 = "torch.aten.sum"(%u, %none_1) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0_1 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t_1 = "torch.aten.gt.Scalar"(%sum_1, %int0_1) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %again = "adaptc.read"(%t_1) {name = "again"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %again, ^last(%u : !torch.vtensor<[2],f32>), ^end(%u : !torch.vtensor<[2],f32>)
  ^last(%x_2: !torch.vtensor<[2],f32>):
    %int2_2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_2 = "torch.aten.mul.Scalar"(%x_2, %int2_2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^end(%y_2 : !torch.vtensor<[2],f32>)
  ^end(%x_3: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_3 : !torch.vtensor<[2],f32>
  }
}
// ----- duplicate-tails
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^layer(%x : !torch.vtensor<[2],f32>), ^gate.1(%x : !torch.vtensor<[2],f32>)
  ^layer(%x_1: !torch.vtensor<[2],f32>):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.mul.Scalar"(%x_1, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %none_1 = "torch.constant.none"() : () -> !torch.none
    %sum_1 = "torch.aten.sum"(%y_1, %none_1) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0_1 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t_1 = "torch.aten.gt.Scalar"(%sum_1, %int0_1) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    cf.br ^gate(%y_1, %t_1 : !torch.vtensor<[2],f32>, !torch.vtensor<[],i1>)
  ^gate(%u: !torch.vtensor<[2],f32>, %t_2: !torch.vtensor<[],i1>):
    %again = "adaptc.read"(%t_2) {name = "again"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %again, ^last(%u : !torch.vtensor<[2],f32>), ^end(%u : !torch.vtensor<[2],f32>)
  ^last(%x_2: !torch.vtensor<[2],f32>):
    %int2_2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_2 = "torch.aten.mul.Scalar"(%x_2, %int2_2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^end(%y_2 : !torch.vtensor<[2],f32>)
  ^end(%x_3: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_3 : !torch.vtensor<[2],f32>
  ^gate.1(%u_1: !torch.vtensor<[2],f32>):
    %none_2 = "torch.constant.none"() : () -> !torch.none
    %sum_2 = "torch.aten.sum"(%u_1, %none_2) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0_2 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t_3 = "torch.aten.gt.Scalar"(%sum_2, %int0_2) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    cf.br ^gate(%u_1, %t_3 : !torch.vtensor<[2],f32>, !torch.vtensor<[],i1>)
  }
}

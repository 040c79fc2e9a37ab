// python -m pytest tests/passes/test_golden.py -k decide_policy
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %flags = "torch.aten.gt.Scalar"(%x, %int0) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],i1>
    %gt = "torch.aten.gt.Scalar"(%x, %int0) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],i1>
    %t = "torch.aten.select.int"(%gt, %int0, %int0) : (!torch.vtensor<[2],i1>, !torch.int, !torch.int) -> !torch.vtensor<[],i1>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^layer(%x, %flags : !torch.vtensor<[2],f32>, !torch.vtensor<[2],i1>), ^gate(%x, %flags : !torch.vtensor<[2],f32>, !torch.vtensor<[2],i1>)
  ^layer(%x_1: !torch.vtensor<[2],f32>, %f: !torch.vtensor<[2],i1>):
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x_1, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^gate(%y, %f : !torch.vtensor<[2],f32>, !torch.vtensor<[2],i1>)
  ^gate(%x_2: !torch.vtensor<[2],f32>, %f_1: !torch.vtensor<[2],i1>):
    %int0_1 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %t_1 = "torch.aten.select.int"(%f_1, %int0_1, %int1) : (!torch.vtensor<[2],i1>, !torch.int, !torch.int) -> !torch.vtensor<[],i1>
    %y_1 = "torch.aten.add.Scalar"(%x_2, %int1, %int1) : (!torch.vtensor<[2],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2],f32>
    %again = "adaptc.read"(%t_1) {name = "again"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %again, ^end(%y_1 : !torch.vtensor<[2],f32>), ^end(%x_2 : !torch.vtensor<[2],f32>)
  ^end(%x_3: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_3 : !torch.vtensor<[2],f32>
  }
}
// ----- decide-early
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %flags = "torch.aten.gt.Scalar"(%x, %int0) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],i1>
    %gt = "torch.aten.gt.Scalar"(%x, %int0) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],i1>
    %t = "torch.aten.select.int"(%gt, %int0, %int0) : (!torch.vtensor<[2],i1>, !torch.int, !torch.int) -> !torch.vtensor<[],i1>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %t.1 = "torch.aten.select.int"(%flags, %int0, %int1) : (!torch.vtensor<[2],i1>, !torch.int, !torch.int) -> !torch.vtensor<[],i1>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^layer(%x, %flags, %t.1 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],i1>, !torch.vtensor<[],i1>), ^gate(%x, %flags, %t.1 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],i1>, !torch.vtensor<[],i1>)
  ^layer(%x_1: !torch.vtensor<[2],f32>, %f: !torch.vtensor<[2],i1>, %t.1_1: !torch.vtensor<[],i1>):
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x_1, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^gate(%y, %f, %t.1_1 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],i1>, !torch.vtensor<[],i1>)
  ^gate(%x_2: !torch.vtensor<[2],f32>, %f_1: !torch.vtensor<[2],i1>, %t.1_2: !torch.vtensor<[],i1>):
    %int1_1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.add.Scalar"(%x_2, %int1_1, %int1_1) : (!torch.vtensor<[2],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2],f32>
    %again = "adaptc.read"(%t.1_2) {name = "again"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %again, ^end(%y_1 : !torch.vtensor<[2],f32>), ^end(%x_2 : !torch.vtensor<[2],f32>)
  ^end(%x_3: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_3 : !torch.vtensor<[2],f32>
  }
}

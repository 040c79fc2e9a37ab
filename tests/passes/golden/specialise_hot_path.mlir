// python -m pytest tests/passes/test_hot_path.py -k usual
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
// ----- specialise-hot-path, entry 90:10, gate 95:5
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %y.1 = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %sum_1 = "torch.aten.sum"(%y.1, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %t.1 = "torch.aten.gt.Scalar"(%sum_1, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %y.2 = "torch.aten.mul.Scalar"(%y.1, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^layer(%x, %y.1, %t.1, %y.2 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[],i1>, !torch.vtensor<[2],f32>), ^gate(%x : !torch.vtensor<[2],f32>)
  ^layer(%x_1: !torch.vtensor<[2],f32>, %y.1_1: !torch.vtensor<[2],f32>, %t.1_1: !torch.vtensor<[],i1>, %y.2_1: !torch.vtensor<[2],f32>):
    cf.br ^gate.1(%y.1_1, %t.1_1, %y.2_1 : !torch.vtensor<[2],f32>, !torch.vtensor<[],i1>, !torch.vtensor<[2],f32>)
  ^gate(%u: !torch.vtensor<[2],f32>):
    %none_1 = "torch.constant.none"() : () -> !torch.none
    %sum_2 = "torch.aten.sum"(%u, %none_1) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0_1 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t_1 = "torch.aten.gt.Scalar"(%sum_2, %int0_1) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %again = "adaptc.read"(%t_1) {name = "again"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %again, ^last(%u : !torch.vtensor<[2],f32>), ^end(%u : !torch.vtensor<[2],f32>)
  ^last(%x_2: !torch.vtensor<[2],f32>):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.mul.Scalar"(%x_2, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^end(%y_1 : !torch.vtensor<[2],f32>)
  ^end(%x_3: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_3 : !torch.vtensor<[2],f32>
  ^gate.1(%u_1: !torch.vtensor<[2],f32>, %t.1_2: !torch.vtensor<[],i1>, %y.2_2: !torch.vtensor<[2],f32>):
    %again.1 = "adaptc.read"(%t.1_2) {name = "again.1"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %again.1, ^last.1(%u_1, %y.2_2 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>), ^end(%u_1 : !torch.vtensor<[2],f32>)
  ^last.1(%x_4: !torch.vtensor<[2],f32>, %y.2_3: !torch.vtensor<[2],f32>):
    cf.br ^end.1(%y.2_3 : !torch.vtensor<[2],f32>)
  ^end.1(%x_5: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_5 : !torch.vtensor<[2],f32>
  }
}

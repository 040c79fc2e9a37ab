// python -m pytest tests/passes/test_rules.py -k rule_select_before_layer_norm
module {
  func.func @net(%x: !torch.vtensor<[2,3,4],f32>) -> (!torch.vtensor<[2,4],f32>) {
    %w0 = "adaptc.weight"() {name = "w0"} : () -> !torch.vtensor<[4],f32>
    %w1 = "adaptc.weight"() {name = "w1"} : () -> !torch.vtensor<[4],f32>
    %int4 = "torch.constant.int"() <{value = 4 : i64}> : () -> !torch.int
    %list = "torch.prim.ListConstruct"(%int4) : (!torch.int) -> !torch.list<int>
    %float1.0em05 = "torch.constant.float"() <{value = 1.0e-05 : f64}> : () -> !torch.float
    %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
    %layer_norm = "torch.aten.layer_norm"(%x, %list, %w0, %w1, %float1.0em05, %false) : (!torch.vtensor<[2,3,4],f32>, !torch.list<int>, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.float, !torch.bool) -> !torch.vtensor<[2,3,4],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %intm1 = "torch.constant.int"() <{value = -1 : i64}> : () -> !torch.int
    %y0 = "torch.aten.select.int"(%layer_norm, %int1, %intm1) : (!torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[2,4],f32>
  }
}
// ----- select-before-layer-norm
module {
  func.func @net(%x: !torch.vtensor<[2,3,4],f32>) -> (!torch.vtensor<[2,4],f32>) {
    %w0 = "adaptc.weight"() {name = "w0"} : () -> !torch.vtensor<[4],f32>
    %w1 = "adaptc.weight"() {name = "w1"} : () -> !torch.vtensor<[4],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %intm1 = "torch.constant.int"() <{value = -1 : i64}> : () -> !torch.int
    %select_int = "torch.aten.select.int"(%x, %int1, %intm1) : (!torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2,4],f32>
    %int4 = "torch.constant.int"() <{value = 4 : i64}> : () -> !torch.int
    %list = "torch.prim.ListConstruct"(%int4) : (!torch.int) -> !torch.list<int>
    %float1.0em05 = "torch.constant.float"() <{value = 1.0e-05 : f64}> : () -> !torch.float
    %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
    %y0 = "torch.aten.layer_norm"(%select_int, %list, %w0, %w1, %float1.0em05, %false) : (!torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.float, !torch.bool) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[2,4],f32>
  }
}

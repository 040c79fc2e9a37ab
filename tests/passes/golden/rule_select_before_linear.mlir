// python -m pytest tests/passes/test_rules.py -k rule_select_before_linear
module {
  func.func @net(%x: !torch.vtensor<[?,3,4],f32> {adaptc.shape = ["batch", 3, 4]}) -> (!torch.vtensor<[?,4],f32>) {
    %w0 = "adaptc.weight"() {name = "w0"} : () -> !torch.vtensor<[4,4],f32>
    %w1 = "adaptc.weight"() {name = "w1"} : () -> !torch.vtensor<[4],f32>
    %linear = "torch.aten.linear"(%x, %w0, %w1) : (!torch.vtensor<[?,3,4],f32>, !torch.vtensor<[4,4],f32>, !torch.vtensor<[4],f32>) -> !torch.vtensor<[?,3,4],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %int9223372036854775807 = "torch.constant.int"() <{value = 9223372036854775807 : i64}> : () -> !torch.int
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %slice = "torch.aten.slice.Tensor"(%linear, %int0, %int0, %int9223372036854775807, %int1) : (!torch.vtensor<[?,3,4],f32>, !torch.int, !torch.int, !torch.int, !torch.int) -> !torch.vtensor<[?,3,4],f32>
    %y0 = "torch.aten.select.int"(%slice, %int1, %int0) : (!torch.vtensor<[?,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[?,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[?,4],f32>
  }
}
// ----- whole-slice,select-before-linear
module {
  func.func @net(%x: !torch.vtensor<[?,3,4],f32> {adaptc.shape = ["batch", 3, 4]}) -> (!torch.vtensor<[?,4],f32>) {
    %w0 = "adaptc.weight"() {name = "w0"} : () -> !torch.vtensor<[4,4],f32>
    %w1 = "adaptc.weight"() {name = "w1"} : () -> !torch.vtensor<[4],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %select_int = "torch.aten.select.int"(%x, %int1, %int0) : (!torch.vtensor<[?,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[?,4],f32>
    %y0 = "torch.aten.linear"(%select_int, %w0, %w1) : (!torch.vtensor<[?,4],f32>, !torch.vtensor<[4,4],f32>, !torch.vtensor<[4],f32>) -> !torch.vtensor<[?,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[?,4],f32>
  }
}

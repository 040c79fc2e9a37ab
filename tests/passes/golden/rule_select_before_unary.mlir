// python -m pytest tests/passes/test_rules.py -k rule_select_before_unary
module {
  func.func @net(%x: !torch.vtensor<[2,3,4],f32>) -> (!torch.vtensor<[2,4],f32>) {
    %tanh = "torch.aten.tanh"(%x) : (!torch.vtensor<[2,3,4],f32>) -> !torch.vtensor<[2,3,4],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y0 = "torch.aten.select.int"(%tanh, %int1, %int1) : (!torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[2,4],f32>
  }
}
// ----- select-before-unary{operator=tanh}
module {
  func.func @net(%x: !torch.vtensor<[2,3,4],f32>) -> (!torch.vtensor<[2,4],f32>) {
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %select_int = "torch.aten.select.int"(%x, %int1, %int1) : (!torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2,4],f32>
    %y0 = "torch.aten.tanh"(%select_int) : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[2,4],f32>
  }
}

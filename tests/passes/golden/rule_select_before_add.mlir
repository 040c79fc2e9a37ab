// python -m pytest tests/passes/test_rules.py -k rule_select_before_add
module {
  func.func @net(%x: !torch.vtensor<[2,3,4],f32>) -> (!torch.vtensor<[2,4],f32>) {
    %exp = "torch.aten.exp"(%x) : (!torch.vtensor<[2,3,4],f32>) -> !torch.vtensor<[2,3,4],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %add = "torch.aten.add.Tensor"(%exp, %x, %int1) : (!torch.vtensor<[2,3,4],f32>, !torch.vtensor<[2,3,4],f32>, !torch.int) -> !torch.vtensor<[2,3,4],f32>
    %y0 = "torch.aten.select.int"(%add, %int1, %int1) : (!torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[2,4],f32>
  }
}
// ----- select-before-add
module {
  func.func @net(%x: !torch.vtensor<[2,3,4],f32>) -> (!torch.vtensor<[2,4],f32>) {
    %exp = "torch.aten.exp"(%x) : (!torch.vtensor<[2,3,4],f32>) -> !torch.vtensor<[2,3,4],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %select_int = "torch.aten.select.int"(%exp, %int1, %int1) : (!torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2,4],f32>
    %select_int_1 = "torch.aten.select.int"(%x, %int1, %int1) : (!torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2,4],f32>
    %y0 = "torch.aten.add.Tensor"(%select_int, %select_int_1, %int1) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.int) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[2,4],f32>
  }
}

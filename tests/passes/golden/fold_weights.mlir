// python -m pytest tests/passes/test_rules.py -k fold_weights
module {
  func.func @net(%x: !torch.vtensor<[2,4],f32>) -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>) {
    %w0 = "adaptc.weight"() {name = "w0"} : () -> !torch.vtensor<[4],f32>
    %w1 = "adaptc.weight"() {name = "w1"} : () -> !torch.vtensor<[4],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %add = "torch.aten.add.Tensor"(%w0, %w1, %int1) : (!torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.int) -> !torch.vtensor<[4],f32>
    %exp = "torch.aten.exp"(%add) : (!torch.vtensor<[4],f32>) -> !torch.vtensor<[4],f32>
    %y0 = "torch.aten.mul.Tensor"(%x, %exp) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4],f32>) -> !torch.vtensor<[2,4],f32>
    %y1 = "torch.aten.sub.Tensor"(%x, %w1, %int1) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4],f32>, !torch.int) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "(%0, %1)"} %y0, %y1 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>
  }
}
// ----- fold-weights
module {
  func.func @net(%x: !torch.vtensor<[2,4],f32>) -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>) {
    %w1 = "adaptc.weight"() {name = "w1"} : () -> !torch.vtensor<[4],f32>
    %w0.folded = "adaptc.weight"() {name = "w0.folded"} : () -> !torch.vtensor<[4],f32>
    %y0 = "torch.aten.mul.Tensor"(%x, %w0.folded) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4],f32>) -> !torch.vtensor<[2,4],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y1 = "torch.aten.sub.Tensor"(%x, %w1, %int1) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4],f32>, !torch.int) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "(%0, %1)"} %y0, %y1 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>
  }
}

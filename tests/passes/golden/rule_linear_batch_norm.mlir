// python -m pytest tests/passes/test_rules.py -k rule_linear_batch_norm
module {
  func.func @net(%x: !torch.vtensor<[2,4],f32>) -> (!torch.vtensor<[2,4],f32>) {
    %w0 = "adaptc.weight"() {name = "w0"} : () -> !torch.vtensor<[4,4],f32>
    %w1 = "adaptc.weight"() {name = "w1"} : () -> !torch.vtensor<[4],f32>
    %w2 = "adaptc.weight"() {name = "w2"} : () -> !torch.vtensor<[4],f32>
    %w3 = "adaptc.weight"() {name = "w3"} : () -> !torch.vtensor<[4],f32>
    %w4 = "adaptc.weight"() {name = "w4"} : () -> !torch.vtensor<[4],f32>
    %w5 = "adaptc.weight"() {name = "w5"} : () -> !torch.vtensor<[4],f32>
    %linear = "torch.aten.linear"(%x, %w0, %w1) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4,4],f32>, !torch.vtensor<[4],f32>) -> !torch.vtensor<[2,4],f32>
    %float0.1 = "torch.constant.float"() <{value = 0.1 : f64}> : () -> !torch.float
    %float1.0em05 = "torch.constant.float"() <{value = 1.0e-05 : f64}> : () -> !torch.float
    %_native_batch_norm_legit_no_training.0, %_native_batch_norm_legit_no_training.1, %_native_batch_norm_legit_no_training.2 = "torch.aten._native_batch_norm_legit_no_training"(%linear, %w2, %w3, %w4, %w5, %float0.1, %float1.0em05) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.vtensor<[4],f32>, !torch.float, !torch.float) -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[0],f32>, !torch.vtensor<[0],f32>)
    func.return {adaptc.tree = "%0"} %_native_batch_norm_legit_no_training.0 : !torch.vtensor<[2,4],f32>
  }
}
// ----- linear-batch-norm,fold-weights
module {
  func.func @net(%x: !torch.vtensor<[2,4],f32>) -> (!torch.vtensor<[2,4],f32>) {
    %w1.folded = "adaptc.weight"() {name = "w1.folded"} : () -> !torch.vtensor<[4],f32>
    %w0.folded = "adaptc.weight"() {name = "w0.folded"} : () -> !torch.vtensor<[4,4],f32>
    %y0 = "torch.aten.linear"(%x, %w0.folded, %w1.folded) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4,4],f32>, !torch.vtensor<[4],f32>) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[2,4],f32>
  }
}

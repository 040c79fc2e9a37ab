// python -m pytest tests/passes/test_golden.py -k dead_shared_variant
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %v = "adaptc.weight"() {name = "v"} : () -> !torch.vtensor<[2],f32>
    %w = "adaptc.weight"() {name = "w"} : () -> !torch.vtensor<[2],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %a = "torch.aten.add.Tensor"(%x, %v, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %b = "torch.aten.mul.Tensor"(%x, %w) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
    cf.br ^second(%a, %b : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>)
  ^second(%p: !torch.vtensor<[2],f32>, %q: !torch.vtensor<[2],f32>):
    %v_1 = "adaptc.weight"() {name = "v"} : () -> !torch.vtensor<[2],f32>
    %w_1 = "adaptc.weight"() {name = "w"} : () -> !torch.vtensor<[2],f32>
    %int1_1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %a_1 = "torch.aten.add.Tensor"(%p, %v_1, %int1_1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %b_1 = "torch.aten.mul.Tensor"(%q, %w_1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
    cf.br ^third(%a_1, %a_1 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>)
  ^third(%p_1: !torch.vtensor<[2],f32>, %q_1: !torch.vtensor<[2],f32>):
    %v_2 = "adaptc.weight"() {name = "v"} : () -> !torch.vtensor<[2],f32>
    %w_2 = "adaptc.weight"() {name = "w"} : () -> !torch.vtensor<[2],f32>
    %int1_2 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %a_2 = "torch.aten.add.Tensor"(%p_1, %v_2, %int1_2) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %b_2 = "torch.aten.mul.Tensor"(%q_1, %w_2) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
    func.return {adaptc.tree = "%0"} %a_2 : !torch.vtensor<[2],f32>
  }
}
// ----- remove-dead-values
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %v = "adaptc.weight"() {name = "v"} : () -> !torch.vtensor<[2],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %a = "torch.aten.add.Tensor"(%x, %v, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^second(%a : !torch.vtensor<[2],f32>)
  ^second(%p: !torch.vtensor<[2],f32>):
    %v_1 = "adaptc.weight"() {name = "v"} : () -> !torch.vtensor<[2],f32>
    %int1_1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %a_1 = "torch.aten.add.Tensor"(%p, %v_1, %int1_1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^third(%a_1 : !torch.vtensor<[2],f32>)
  ^third(%p_1: !torch.vtensor<[2],f32>):
    %v_2 = "adaptc.weight"() {name = "v"} : () -> !torch.vtensor<[2],f32>
    %int1_2 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %a_2 = "torch.aten.add.Tensor"(%p_1, %v_2, %int1_2) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    func.return {adaptc.tree = "%0"} %a_2 : !torch.vtensor<[2],f32>
  }
}

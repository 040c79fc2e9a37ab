// python -m pytest tests/passes/test_golden.py -k hoist_product
module {
  func.func @net(%x: !torch.vtensor<[16,16],f32>) -> (!torch.vtensor<[16,16],f32>) {
    %c0 = arith.constant 0 : i64
    cf.br ^loop(%x, %x, %c0 : !torch.vtensor<[16,16],f32>, !torch.vtensor<[16,16],f32>, i64)
  ^loop(%h: !torch.vtensor<[16,16],f32>, %x_1: !torch.vtensor<[16,16],f32>, %i: i64):
    %w = "adaptc.weight"() {name = "w"} : () -> !torch.vtensor<[16,16],f32>
    %matmul = "torch.aten.matmul"(%x_1, %w) : (!torch.vtensor<[16,16],f32>, !torch.vtensor<[16,16],f32>) -> !torch.vtensor<[16,16],f32>
    %tanh = "torch.aten.tanh"(%matmul) : (!torch.vtensor<[16,16],f32>) -> !torch.vtensor<[16,16],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %next = "torch.aten.add.Tensor"(%h, %tanh, %int1) : (!torch.vtensor<[16,16],f32>, !torch.vtensor<[16,16],f32>, !torch.int) -> !torch.vtensor<[16,16],f32>
    %c2 = arith.constant 2 : i64
    %test = arith.cmpi slt, %i, %c2 : i64
    %c1 = arith.constant 1 : i64
    %add = arith.addi %i, %c1 : i64
    cf.cond_br %test, ^loop(%next, %x_1, %add : !torch.vtensor<[16,16],f32>, !torch.vtensor<[16,16],f32>, i64), ^end(%next : !torch.vtensor<[16,16],f32>)
  ^end(%h_1: !torch.vtensor<[16,16],f32>):
    func.return {adaptc.tree = "%0"} %h_1 : !torch.vtensor<[16,16],f32>
  }
}
// ----- hoist-loop-invariants
module {
  func.func @net(%x: !torch.vtensor<[16,16],f32>) -> (!torch.vtensor<[16,16],f32>) {
    %w = "adaptc.weight"() {name = "w"} : () -> !torch.vtensor<[16,16],f32>
    %matmul = "torch.aten.matmul"(%x, %w) : (!torch.vtensor<[16,16],f32>, !torch.vtensor<[16,16],f32>) -> !torch.vtensor<[16,16],f32>
    %early = "torch.aten.tanh"(%matmul) : (!torch.vtensor<[16,16],f32>) -> !torch.vtensor<[16,16],f32>
    %c0 = arith.constant 0 : i64
    cf.br ^loop(%x, %x, %c0, %early : !torch.vtensor<[16,16],f32>, !torch.vtensor<[16,16],f32>, i64, !torch.vtensor<[16,16],f32>)
  ^loop(%h: !torch.vtensor<[16,16],f32>, %x_1: !torch.vtensor<[16,16],f32>, %i: i64, %early_1: !torch.vtensor<[16,16],f32>):
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %next = "torch.aten.add.Tensor"(%h, %early_1, %int1) : (!torch.vtensor<[16,16],f32>, !torch.vtensor<[16,16],f32>, !torch.int) -> !torch.vtensor<[16,16],f32>
    %c2 = arith.constant 2 : i64
    %test = arith.cmpi slt, %i, %c2 : i64
    %c1 = arith.constant 1 : i64
    %add = arith.addi %i, %c1 : i64
    cf.cond_br %test, ^loop(%next, %x_1, %add, %early_1 : !torch.vtensor<[16,16],f32>, !torch.vtensor<[16,16],f32>, i64, !torch.vtensor<[16,16],f32>), ^end(%next : !torch.vtensor<[16,16],f32>)
  ^end(%h_1: !torch.vtensor<[16,16],f32>):
    func.return {adaptc.tree = "%0"} %h_1 : !torch.vtensor<[16,16],f32>
  }
}

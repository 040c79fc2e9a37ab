// python -m pytest tests/passes/test_golden.py -k dead_loop
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %c0 = arith.constant 0 : i64
    cf.br ^loop(%x, %x, %c0, %c0 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, i64, i64)
  ^loop(%x_1: !torch.vtensor<[2],f32>, %dead: !torch.vtensor<[2],f32>, %i: i64, %count: i64):
    %v = "adaptc.weight"() {name = "v"} : () -> !torch.vtensor<[2],f32>
    %w = "adaptc.weight"() {name = "w"} : () -> !torch.vtensor<[2],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %x2 = "torch.aten.add.Tensor"(%x_1, %v, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %dead2 = "torch.aten.mul.Tensor"(%dead, %w) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
    %c3 = arith.constant 3 : i64
    %test = arith.cmpi slt, %i, %c3 : i64
    %c1 = arith.constant 1 : i64
    %add = arith.addi %i, %c1 : i64
    %c2 = arith.constant 2 : i64
    %sub = arith.subi %count, %c2 : i64
    cf.cond_br %test, ^loop(%x2, %dead2, %add, %sub : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, i64, i64), ^end(%x2, %dead2 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>)
  ^end(%x_2: !torch.vtensor<[2],f32>, %dead_1: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_2 : !torch.vtensor<[2],f32>
  }
}
// ----- remove-dead-values
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %c0 = arith.constant 0 : i64
    cf.br ^loop(%x, %c0 : !torch.vtensor<[2],f32>, i64)
  ^loop(%x_1: !torch.vtensor<[2],f32>, %i: i64):
    %v = "adaptc.weight"() {name = "v"} : () -> !torch.vtensor<[2],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %x2 = "torch.aten.add.Tensor"(%x_1, %v, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %c3 = arith.constant 3 : i64
    %test = arith.cmpi slt, %i, %c3 : i64
    %c1 = arith.constant 1 : i64
    %add = arith.addi %i, %c1 : i64
    cf.cond_br %test, ^loop(%x2, %add : !torch.vtensor<[2],f32>, i64), ^end(%x2 : !torch.vtensor<[2],f32>)
  ^end(%x_2: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_2 : !torch.vtensor<[2],f32>
  }
}

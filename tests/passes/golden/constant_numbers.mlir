// python -m pytest tests/passes/test_golden.py -k constant_numbers
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64, i64) {
    %c0 = arith.constant 0 : i64
    %c2 = arith.constant 2 : i64
    cf.br ^loop(%x, %c0, %c2 : !torch.vtensor<[2],f32>, i64, i64)
  ^loop(%x_1: !torch.vtensor<[2],f32>, %i: i64, %step: i64):
    %x.size0 = "adaptc.size"(%x_1) {dim = 0 : i64} : (!torch.vtensor<[2],f32>) -> i64
    %mul = arith.muli %step, %x.size0 : i64
    %test = arith.cmpi slt, %i, %mul : i64
    cf.cond_br %test, ^body(%x_1, %i, %step : !torch.vtensor<[2],f32>, i64, i64), ^end(%x_1, %i, %step : !torch.vtensor<[2],f32>, i64, i64)
  ^body(%x_2: !torch.vtensor<[2],f32>, %i_1: i64, %step_1: i64):
    %step_1.tensor = "adaptc.to_tensor"(%step_1) : (i64) -> !torch.vtensor<[],si64>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y = "torch.aten.add.Tensor"(%x_2, %step_1.tensor, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[],si64>, !torch.int) -> !torch.vtensor<[2],f32>
    %c1 = arith.constant 1 : i64
    %test_1 = arith.cmpi sgt, %step_1, %c1 : i64
    %add = arith.addi %i_1, %step_1 : i64
    %c7 = arith.constant 7 : i64
    cf.cond_br %test_1, ^loop(%y, %add, %step_1 : !torch.vtensor<[2],f32>, i64, i64), ^loop(%y, %i_1, %c7 : !torch.vtensor<[2],f32>, i64, i64)
  ^end(%x_3: !torch.vtensor<[2],f32>, %i_2: i64, %step_2: i64):
    func.return {adaptc.tree = "(%0, %1, %2)"} %x_3, %i_2, %step_2 : !torch.vtensor<[2],f32>, i64, i64
  }
}
// ----- propagate-constants
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64, i64) {
    %c0 = arith.constant 0 : i64
    %c2 = arith.constant 2 : i64
    cf.br ^loop(%x, %c0, %c2 : !torch.vtensor<[2],f32>, i64, i64)
  ^loop(%x_1: !torch.vtensor<[2],f32>, %i: i64, %step: i64):
    %c4 = arith.constant 4 : i64
    %test = arith.cmpi slt, %i, %c4 : i64
    %c2_1 = arith.constant 2 : i64
    cf.cond_br %test, ^body(%x_1, %i, %c2_1 : !torch.vtensor<[2],f32>, i64, i64), ^end(%x_1, %i, %c2_1 : !torch.vtensor<[2],f32>, i64, i64)
  ^body(%x_2: !torch.vtensor<[2],f32>, %i_1: i64, %step_1: i64):
    %constant.step = "adaptc.weight"() {name = "constant.step"} : () -> !torch.vtensor<[],si64>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y = "torch.aten.add.Tensor"(%x_2, %constant.step, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[],si64>, !torch.int) -> !torch.vtensor<[2],f32>
    %true = arith.constant true
    %c2_2 = arith.constant 2 : i64
    %add = arith.addi %i_1, %c2_2 : i64
    %c7 = arith.constant 7 : i64
    cf.cond_br %true, ^loop(%y, %add, %c2_2 : !torch.vtensor<[2],f32>, i64, i64), ^loop(%y, %i_1, %c7 : !torch.vtensor<[2],f32>, i64, i64)
  ^end(%x_3: !torch.vtensor<[2],f32>, %i_2: i64, %step_2: i64):
    %c2_3 = arith.constant 2 : i64
    func.return {adaptc.tree = "(%0, %1, %2)"} %x_3, %i_2, %c2_3 : !torch.vtensor<[2],f32>, i64, i64
  }
}

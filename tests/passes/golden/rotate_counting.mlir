// python -m pytest tests/passes/test_golden.py -k rotate_counting
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %c0 = arith.constant 0 : i64
    %x.size0 = "adaptc.size"(%x) {dim = 0 : i64} : (!torch.vtensor<[2],f32>) -> i64
    cf.br ^head(%x, %c0, %x.size0 : !torch.vtensor<[2],f32>, i64, i64)
  ^head(%h: !torch.vtensor<[2],f32>, %i: i64, %n: i64):
    %test = arith.cmpi slt, %i, %n : i64
    cf.cond_br %test, ^body(%h, %i, %n : !torch.vtensor<[2],f32>, i64, i64), ^end(%h, %i : !torch.vtensor<[2],f32>, i64)
  ^body(%h_1: !torch.vtensor<[2],f32>, %i_1: i64, %n_1: i64):
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%h_1, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %c1 = arith.constant 1 : i64
    %add = arith.addi %i_1, %c1 : i64
    cf.br ^head(%y, %add, %n_1 : !torch.vtensor<[2],f32>, i64, i64)
  ^end(%h_2: !torch.vtensor<[2],f32>, %i_2: i64):
    func.return {adaptc.tree = "(%0, %1)"} %h_2, %i_2 : !torch.vtensor<[2],f32>, i64
  }
}
// ----- rotate-loops
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %c0 = arith.constant 0 : i64
    %x.size0 = "adaptc.size"(%x) {dim = 0 : i64} : (!torch.vtensor<[2],f32>) -> i64
    cf.br ^head.1(%x, %c0, %x.size0 : !torch.vtensor<[2],f32>, i64, i64)
  ^head(%h: !torch.vtensor<[2],f32>, %i: i64, %n: i64):
    %test = arith.cmpi slt, %i, %n : i64
    cf.cond_br %test, ^body(%h, %i, %n : !torch.vtensor<[2],f32>, i64, i64), ^end(%h, %i : !torch.vtensor<[2],f32>, i64)
  ^body(%h_1: !torch.vtensor<[2],f32>, %i_1: i64, %n_1: i64):
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%h_1, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %c1 = arith.constant 1 : i64
    %add = arith.addi %i_1, %c1 : i64
    cf.br ^head(%y, %add, %n_1 : !torch.vtensor<[2],f32>, i64, i64)
  ^end(%h_2: !torch.vtensor<[2],f32>, %i_2: i64):
    func.return {adaptc.tree = "(%0, %1)"} %h_2, %i_2 : !torch.vtensor<[2],f32>, i64
  ^head.1(%h_3: !torch.vtensor<[2],f32>, %i_3: i64, %n_2: i64):
    %test_1 = arith.cmpi slt, %i_3, %n_2 : i64
    cf.cond_br %test_1, ^body(%h_3, %i_3, %n_2 : !torch.vtensor<[2],f32>, i64, i64), ^end(%h_3, %i_3 : !torch.vtensor<[2],f32>, i64)
  }
}

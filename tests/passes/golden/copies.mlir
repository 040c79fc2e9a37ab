// python -m pytest tests/passes/test_golden.py -k copies
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) {
    %again = "torch.aten.exp"(%x) : (!torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
    %rows = "adaptc.size"(%x) {dim = 0 : i64} : (!torch.vtensor<[2],f32>) -> i64
    %c0 = arith.constant 0 : i64
    cf.br ^loop(%x, %x, %again, %again, %rows, %c0 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, i64, i64)
  ^loop(%p: !torch.vtensor<[2],f32>, %q: !torch.vtensor<[2],f32>, %y: !torch.vtensor<[2],f32>, %z: !torch.vtensor<[2],f32>, %n: i64, %i: i64):
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %s = "torch.aten.sub.Tensor"(%p, %z, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %test = arith.cmpi slt, %i, %n : i64
    %c1 = arith.constant 1 : i64
    %add = arith.addi %i, %c1 : i64
    cf.cond_br %test, ^loop(%s, %s, %z, %y, %n, %add : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, i64, i64), ^end(%p, %q, %y, %z : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>)
  ^end(%p_1: !torch.vtensor<[2],f32>, %q_1: !torch.vtensor<[2],f32>, %y_1: !torch.vtensor<[2],f32>, %z_1: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "(%0, %1, %2, %3)"} %p_1, %q_1, %y_1, %z_1 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>
  }
}
// ----- forward-copies
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) {
    %again = "torch.aten.exp"(%x) : (!torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
    %rows = "adaptc.size"(%x) {dim = 0 : i64} : (!torch.vtensor<[2],f32>) -> i64
    %c0 = arith.constant 0 : i64
    cf.br ^loop(%x, %x, %again, %again, %rows, %c0 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, i64, i64)
  ^loop(%p: !torch.vtensor<[2],f32>, %q: !torch.vtensor<[2],f32>, %y: !torch.vtensor<[2],f32>, %z: !torch.vtensor<[2],f32>, %n: i64, %i: i64):
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %s = "torch.aten.sub.Tensor"(%p, %z, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %test = arith.cmpi slt, %i, %n : i64
    %c1 = arith.constant 1 : i64
    %add = arith.addi %i, %c1 : i64
    cf.cond_br %test, ^loop(%s, %s, %z, %y, %n, %add : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, i64, i64), ^end(%p, %p, %y, %z : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>)
  ^end(%p_1: !torch.vtensor<[2],f32>, %q_1: !torch.vtensor<[2],f32>, %y_1: !torch.vtensor<[2],f32>, %z_1: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "(%0, %1, %2, %3)"} %p_1, %p_1, %y_1, %z_1 : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>
  }
}

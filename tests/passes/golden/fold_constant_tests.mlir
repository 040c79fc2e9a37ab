// python -m pytest tests/passes/test_golden.py -k fold_constant_tests
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %c3 = arith.constant 3 : i64
    %c2 = arith.constant 2 : i64
    %test = arith.cmpi sgt, %c3, %c2 : i64
    cf.cond_br %test, ^choose(%x : !torch.vtensor<[2],f32>), ^never(%x : !torch.vtensor<[2],f32>)
  ^choose(%x_1: !torch.vtensor<[2],f32>):
    %c5 = arith.constant 5 : i64
    cf.switch %c5 : i64, [
      default: ^never(%x_1 : !torch.vtensor<[2],f32>),
      4: ^never(%x_1 : !torch.vtensor<[2],f32>),
      5: ^end(%x_1 : !torch.vtensor<[2],f32>)
    ]
  ^never(%x_2: !torch.vtensor<[2],f32>):
    "adaptc.raise"() {exception = "Never", message = ""} : () -> ()
  ^end(%x_3: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_3 : !torch.vtensor<[2],f32>
  }
}
// ----- fold-branches
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    cf.br ^choose(%x : !torch.vtensor<[2],f32>)
  ^choose(%x_1: !torch.vtensor<[2],f32>):
    cf.br ^end(%x_1 : !torch.vtensor<[2],f32>)
  ^end(%x_2: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_2 : !torch.vtensor<[2],f32>
  }
}

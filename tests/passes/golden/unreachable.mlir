// python -m pytest tests/passes/test_golden.py -k unreachable
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    cf.br ^end(%x : !torch.vtensor<[2],f32>)
  ^end(%x_1: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_1 : !torch.vtensor<[2],f32>
  ^orphan(%x_2: !torch.vtensor<[2],f32>):
    %true = arith.constant true
    cf.cond_br %true, ^end(%x_2 : !torch.vtensor<[2],f32>), ^other
  ^other:
    "adaptc.raise"() {exception = "Lost", message = ""} : () -> ()
  }
}
// ----- remove-unreachable
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    cf.br ^end(%x : !torch.vtensor<[2],f32>)
  ^end(%x_1: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_1 : !torch.vtensor<[2],f32>
  }
}

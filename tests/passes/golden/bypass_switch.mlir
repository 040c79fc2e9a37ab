// python -m pytest tests/passes/test_golden.py -k bypass_switch
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %x.size0 = "adaptc.size"(%x) {dim = 0 : i64} : (!torch.vtensor<[2],f32>) -> i64
    cf.br ^choose(%x, %x.size0 : !torch.vtensor<[2],f32>, i64)
  ^choose(%x_1: !torch.vtensor<[2],f32>, %n: i64):
    cf.switch %n : i64, [
      default: ^end(%x_1 : !torch.vtensor<[2],f32>),
      1: ^end(%x_1 : !torch.vtensor<[2],f32>),
      2: ^layer(%x_1 : !torch.vtensor<[2],f32>)
    ]
  ^layer(%x_2: !torch.vtensor<[2],f32>):
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x_2, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^end(%y : !torch.vtensor<[2],f32>)
  ^end(%x_3: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_3 : !torch.vtensor<[2],f32>
  }
}
// ----- bypass-empty-blocks
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %x.size0 = "adaptc.size"(%x) {dim = 0 : i64} : (!torch.vtensor<[2],f32>) -> i64
    cf.br ^choose(%x, %x.size0 : !torch.vtensor<[2],f32>, i64)
  ^choose(%x_1: !torch.vtensor<[2],f32>, %n: i64):
    cf.switch %n : i64, [
      default: ^end(%x_1 : !torch.vtensor<[2],f32>),
      2: ^layer(%x_1 : !torch.vtensor<[2],f32>)
    ]
  ^layer(%x_2: !torch.vtensor<[2],f32>):
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x_2, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^end(%y : !torch.vtensor<[2],f32>)
  ^end(%x_3: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_3 : !torch.vtensor<[2],f32>
  }
}

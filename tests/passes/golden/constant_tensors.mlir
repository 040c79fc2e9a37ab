// python -m pytest tests/passes/test_golden.py -k constant_tensors
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) {
    %bias = "adaptc.weight"() {name = "bias"} : () -> !torch.vtensor<[2],f32>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %list = "torch.prim.ListConstruct"(%int2) : (!torch.int) -> !torch.list<int>
    %none = "torch.constant.none"() : () -> !torch.none
    %device = "torch.constant.device"() <{value = "cpu"}> : () -> !torch.Device
    %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
    %zero = "torch.aten.zeros"(%list, %none, %none, %device, %false) : (!torch.list<int>, !torch.none, !torch.none, !torch.Device, !torch.bool) -> !torch.vtensor<[2],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %shifted = "torch.aten.add.Scalar"(%bias, %int1, %int1) : (!torch.vtensor<[2],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^use(%x, %zero, %shifted : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>)
  ^use(%x_1: !torch.vtensor<[2],f32>, %h: !torch.vtensor<[2],f32>, %s: !torch.vtensor<[2],f32>):
    %int1_1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y = "torch.aten.sub.Tensor"(%x_1, %h, %int1_1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    func.return {adaptc.tree = "(%0, %1)"} %y, %s : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>
  }
}
// ----- propagate-constants
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) {
    %constant.zero = "adaptc.weight"() {name = "constant.zero"} : () -> !torch.vtensor<[2],f32>
    %constant.shifted = "adaptc.weight"() {name = "constant.shifted"} : () -> !torch.vtensor<[2],f32>
    cf.br ^use(%x, %constant.zero, %constant.shifted : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>)
  ^use(%x_1: !torch.vtensor<[2],f32>, %h: !torch.vtensor<[2],f32>, %s: !torch.vtensor<[2],f32>):
    %constant.zero_1 = "adaptc.weight"() {name = "constant.zero"} : () -> !torch.vtensor<[2],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y = "torch.aten.sub.Tensor"(%x_1, %constant.zero_1, %int1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    func.return {adaptc.tree = "(%0, %1)"} %y, %s : !torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>
  }
}

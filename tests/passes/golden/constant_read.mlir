// python -m pytest tests/passes/test_golden.py -k constant_read
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i1) {
    %scale = "adaptc.weight"() {name = "scale"} : () -> !torch.vtensor<[2],f32>
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%scale, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %flag = "torch.aten.gt.Scalar"(%sum, %int1) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %large = "adaptc.read"(%flag) {name = "large"} : (!torch.vtensor<[],i1>) -> i1
    %false = arith.constant false
    cf.cond_br %large, ^layer(%x : !torch.vtensor<[2],f32>), ^end(%x, %false : !torch.vtensor<[2],f32>, i1)
  ^layer(%x_1: !torch.vtensor<[2],f32>):
    %scale_1 = "adaptc.weight"() {name = "scale"} : () -> !torch.vtensor<[2],f32>
    %y = "torch.aten.mul.Tensor"(%x_1, %scale_1) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
    %true = arith.constant true
    cf.br ^end(%y, %true : !torch.vtensor<[2],f32>, i1)
  ^end(%x_2: !torch.vtensor<[2],f32>, %scaled: i1):
    func.return {adaptc.tree = "(%0, %1)"} %x_2, %scaled : !torch.vtensor<[2],f32>, i1
  }
}
// ----- propagate-constants
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i1) {
    %constant.flag = "adaptc.weight"() {name = "constant.flag"} : () -> !torch.vtensor<[],i1>
    %true = arith.constant true
    %false = arith.constant false
    cf.cond_br %true, ^layer(%x : !torch.vtensor<[2],f32>), ^end(%x, %false : !torch.vtensor<[2],f32>, i1)
  ^layer(%x_1: !torch.vtensor<[2],f32>):
    %scale = "adaptc.weight"() {name = "scale"} : () -> !torch.vtensor<[2],f32>
    %y = "torch.aten.mul.Tensor"(%x_1, %scale) : (!torch.vtensor<[2],f32>, !torch.vtensor<[2],f32>) -> !torch.vtensor<[2],f32>
    %true_1 = arith.constant true
    cf.br ^end(%y, %true_1 : !torch.vtensor<[2],f32>, i1)
  ^end(%x_2: !torch.vtensor<[2],f32>, %scaled: i1):
    %true_2 = arith.constant true
    func.return {adaptc.tree = "(%0, %1)"} %x_2, %true_2 : !torch.vtensor<[2],f32>, i1
  }
}

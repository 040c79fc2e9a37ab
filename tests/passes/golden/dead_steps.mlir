// python -m pytest tests/passes/test_golden.py -k dead_steps
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %flag = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %positive = "adaptc.read"(%flag) {name = "positive"} : (!torch.vtensor<[],i1>) -> i1
    %number = arith.extui %positive : i1 to i64
    func.return {adaptc.tree = "%0"} %y : !torch.vtensor<[2],f32>
  }
}
// ----- remove-dead-values
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %flag = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %positive = "adaptc.read"(%flag) {name = "positive"} : (!torch.vtensor<[],i1>) -> i1
    func.return {adaptc.tree = "%0"} %y : !torch.vtensor<[2],f32>
  }
}

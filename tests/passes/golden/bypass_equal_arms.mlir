// python -m pytest tests/passes/test_golden.py -k bypass_equal_arms
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^layer(%x : !torch.vtensor<[2],f32>), ^join(%x : !torch.vtensor<[2],f32>)
  ^layer(%a: !torch.vtensor<[2],f32>):
    cf.br ^join(%a : !torch.vtensor<[2],f32>)
  ^join(%b: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %b : !torch.vtensor<[2],f32>
  }
}
// ----- bypass-empty-blocks
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.br ^join(%x : !torch.vtensor<[2],f32>)
  ^join(%b: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %b : !torch.vtensor<[2],f32>
  }
}

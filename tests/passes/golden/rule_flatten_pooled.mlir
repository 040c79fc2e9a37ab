// python -m pytest tests/passes/test_rules.py -k rule_flatten_pooled
module {
  func.func @net(%x: !torch.vtensor<[1,4,2,2],f32>) -> (!torch.vtensor<[1,4],f32>) {
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %list = "torch.prim.ListConstruct"(%int1, %int1) : (!torch.int, !torch.int) -> !torch.list<int>
    %adaptive_avg_pool2d = "torch.aten.adaptive_avg_pool2d"(%x, %list) : (!torch.vtensor<[1,4,2,2],f32>, !torch.list<int>) -> !torch.vtensor<[1,4,1,1],f32>
    %int4 = "torch.constant.int"() <{value = 4 : i64}> : () -> !torch.int
    %list_1 = "torch.prim.ListConstruct"(%int1, %int4) : (!torch.int, !torch.int) -> !torch.list<int>
    %y0 = "torch.aten.view"(%adaptive_avg_pool2d, %list_1) : (!torch.vtensor<[1,4,1,1],f32>, !torch.list<int>) -> !torch.vtensor<[1,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[1,4],f32>
  }
}
// ----- flatten-pooled
module {
  func.func @net(%x: !torch.vtensor<[1,4,2,2],f32>) -> (!torch.vtensor<[1,4],f32>) {
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %int3 = "torch.constant.int"() <{value = 3 : i64}> : () -> !torch.int
    %list = "torch.prim.ListConstruct"(%int2, %int3) : (!torch.int, !torch.int) -> !torch.list<int>
    %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
    %none = "torch.constant.none"() : () -> !torch.none
    %y0 = "torch.aten.mean.dim"(%x, %list, %false, %none) : (!torch.vtensor<[1,4,2,2],f32>, !torch.list<int>, !torch.bool, !torch.none) -> !torch.vtensor<[1,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[1,4],f32>
  }
}

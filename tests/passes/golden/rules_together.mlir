// python -m pytest tests/passes/test_rules.py -k rules_together
module {
  func.func @net(%x: !torch.vtensor<[2,3,4],f32>) -> (!torch.vtensor<[2,4],f32>) {
    %w0 = "adaptc.weight"() {name = "w0"} : () -> !torch.vtensor<[4,4],f32>
    %w1 = "adaptc.weight"() {name = "w1"} : () -> !torch.vtensor<[4,4],f32>
    %none = "torch.constant.none"() : () -> !torch.none
    %linear = "torch.aten.linear"(%x, %w0, %none) : (!torch.vtensor<[2,3,4],f32>, !torch.vtensor<[4,4],f32>, !torch.none) -> !torch.vtensor<[2,3,4],f32>
    %str = "torch.constant.str"() <{value = "none"}> : () -> !torch.str
    %gelu = "torch.aten.gelu"(%linear, %str) : (!torch.vtensor<[2,3,4],f32>, !torch.str) -> !torch.vtensor<[2,3,4],f32>
    %linear_1 = "torch.aten.linear"(%gelu, %w1, %none) : (!torch.vtensor<[2,3,4],f32>, !torch.vtensor<[4,4],f32>, !torch.none) -> !torch.vtensor<[2,3,4],f32>
    %exp = "torch.aten.exp"(%x) : (!torch.vtensor<[2,3,4],f32>) -> !torch.vtensor<[2,3,4],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %add = "torch.aten.add.Tensor"(%exp, %linear_1, %int1) : (!torch.vtensor<[2,3,4],f32>, !torch.vtensor<[2,3,4],f32>, !torch.int) -> !torch.vtensor<[2,3,4],f32>
    %int4 = "torch.constant.int"() <{value = 4 : i64}> : () -> !torch.int
    %list = "torch.prim.ListConstruct"(%int4) : (!torch.int) -> !torch.list<int>
    %float1.0em05 = "torch.constant.float"() <{value = 1.0e-05 : f64}> : () -> !torch.float
    %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
    %layer_norm = "torch.aten.layer_norm"(%add, %list, %none, %none, %float1.0em05, %false) : (!torch.vtensor<[2,3,4],f32>, !torch.list<int>, !torch.none, !torch.none, !torch.float, !torch.bool) -> !torch.vtensor<[2,3,4],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %y0 = "torch.aten.select.int"(%layer_norm, %int1, %int0) : (!torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[2,4],f32>
  }
}
// ----- select-before-linear,select-before-layer-norm,select-before-add,select-before-unary
module {
  func.func @net(%x: !torch.vtensor<[2,3,4],f32>) -> (!torch.vtensor<[2,4],f32>) {
    %w0 = "adaptc.weight"() {name = "w0"} : () -> !torch.vtensor<[4,4],f32>
    %w1 = "adaptc.weight"() {name = "w1"} : () -> !torch.vtensor<[4,4],f32>
    %exp = "torch.aten.exp"(%x) : (!torch.vtensor<[2,3,4],f32>) -> !torch.vtensor<[2,3,4],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %select_int = "torch.aten.select.int"(%exp, %int1, %int0) : (!torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2,4],f32>
    %select_int_1 = "torch.aten.select.int"(%x, %int1, %int0) : (!torch.vtensor<[2,3,4],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2,4],f32>
    %none = "torch.constant.none"() : () -> !torch.none
    %linear = "torch.aten.linear"(%select_int_1, %w0, %none) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4,4],f32>, !torch.none) -> !torch.vtensor<[2,4],f32>
    %str = "torch.constant.str"() <{value = "none"}> : () -> !torch.str
    %gelu = "torch.aten.gelu"(%linear, %str) : (!torch.vtensor<[2,4],f32>, !torch.str) -> !torch.vtensor<[2,4],f32>
    %linear_1 = "torch.aten.linear"(%gelu, %w1, %none) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[4,4],f32>, !torch.none) -> !torch.vtensor<[2,4],f32>
    %add_tensor = "torch.aten.add.Tensor"(%select_int, %linear_1, %int1) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.int) -> !torch.vtensor<[2,4],f32>
    %int4 = "torch.constant.int"() <{value = 4 : i64}> : () -> !torch.int
    %list = "torch.prim.ListConstruct"(%int4) : (!torch.int) -> !torch.list<int>
    %float1.0em05 = "torch.constant.float"() <{value = 1.0e-05 : f64}> : () -> !torch.float
    %false = "torch.constant.bool"() <{value = false}> : () -> !torch.bool
    %y0 = "torch.aten.layer_norm"(%add_tensor, %list, %none, %none, %float1.0em05, %false) : (!torch.vtensor<[2,4],f32>, !torch.list<int>, !torch.none, !torch.none, !torch.float, !torch.bool) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "%0"} %y0 : !torch.vtensor<[2,4],f32>
  }
}

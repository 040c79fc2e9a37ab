// python -m pytest tests/passes/test_rules.py -k rule_packed_projection
module {
  func.func @net(%x: !torch.vtensor<[?,3,4],f32> {adaptc.shape = ["batch", 3, 4]}) -> (!torch.vtensor<[?,3,2],f32>, !torch.vtensor<[?,3,2],f32>) {
    %w0 = "adaptc.weight"() {name = "w0"} : () -> !torch.vtensor<[6,4],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %sym_size_int = "torch.aten.size.int"(%x, %int0) : (!torch.vtensor<[?,3,4],f32>, !torch.int) -> !torch.int
    %none = "torch.constant.none"() : () -> !torch.none
    %linear = "torch.aten.linear"(%x, %w0, %none) : (!torch.vtensor<[?,3,4],f32>, !torch.vtensor<[6,4],f32>, !torch.none) -> !torch.vtensor<[?,3,6],f32>
    %int3 = "torch.constant.int"() <{value = 3 : i64}> : () -> !torch.int
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %list = "torch.prim.ListConstruct"(%sym_size_int, %int3, %int3, %int2) : (!torch.int, !torch.int, !torch.int, !torch.int) -> !torch.list<int>
    %view = "torch.aten.view"(%linear, %list) : (!torch.vtensor<[?,3,6],f32>, !torch.list<int>) -> !torch.vtensor<[?,3,3,2],f32>
    %unsqueeze = "torch.aten.unsqueeze"(%view, %int0) : (!torch.vtensor<[?,3,3,2],f32>, !torch.int) -> !torch.vtensor<[1,?,3,3,2],f32>
    %intm2 = "torch.constant.int"() <{value = -2 : i64}> : () -> !torch.int
    %transpose = "torch.aten.transpose.int"(%unsqueeze, %int0, %intm2) : (!torch.vtensor<[1,?,3,3,2],f32>, !torch.int, !torch.int) -> !torch.vtensor<[3,?,3,1,2],f32>
    %squeeze = "torch.aten.squeeze.dim"(%transpose, %intm2) : (!torch.vtensor<[3,?,3,1,2],f32>, !torch.int) -> !torch.vtensor<[3,?,3,2],f32>
    %clone = "torch.aten.clone"(%squeeze, %int0) : (!torch.vtensor<[3,?,3,2],f32>, !torch.int) -> !torch.vtensor<[3,?,3,2],f32>
    %y0 = "torch.aten.select.int"(%clone, %int0, %int0) : (!torch.vtensor<[3,?,3,2],f32>, !torch.int, !torch.int) -> !torch.vtensor<[?,3,2],f32>
    %y1 = "torch.aten.select.int"(%clone, %int0, %int2) : (!torch.vtensor<[3,?,3,2],f32>, !torch.int, !torch.int) -> !torch.vtensor<[?,3,2],f32>
    func.return {adaptc.tree = "(%0, %1)"} %y0, %y1 : !torch.vtensor<[?,3,2],f32>, !torch.vtensor<[?,3,2],f32>
  }
}
// ----- packed-projection
module {
  func.func @net(%x: !torch.vtensor<[?,3,4],f32> {adaptc.shape = ["batch", 3, 4]}) -> (!torch.vtensor<[?,3,2],f32>, !torch.vtensor<[?,3,2],f32>) {
    %w0 = "adaptc.weight"() {name = "w0"} : () -> !torch.vtensor<[6,4],f32>
    %none = "torch.constant.none"() : () -> !torch.none
    %linear = "torch.aten.linear"(%x, %w0, %none) : (!torch.vtensor<[?,3,4],f32>, !torch.vtensor<[6,4],f32>, !torch.none) -> !torch.vtensor<[?,3,6],f32>
    %intm1 = "torch.constant.int"() <{value = -1 : i64}> : () -> !torch.int
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %slice_tensor = "torch.aten.slice.Tensor"(%linear, %intm1, %int0, %int2, %int1) : (!torch.vtensor<[?,3,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int) -> !torch.vtensor<[?,3,2],f32>
    %y0 = "torch.aten.clone"(%slice_tensor, %int0) : (!torch.vtensor<[?,3,2],f32>, !torch.int) -> !torch.vtensor<[?,3,2],f32>
    %int4 = "torch.constant.int"() <{value = 4 : i64}> : () -> !torch.int
    %int6 = "torch.constant.int"() <{value = 6 : i64}> : () -> !torch.int
    %slice_tensor_1 = "torch.aten.slice.Tensor"(%linear, %intm1, %int4, %int6, %int1) : (!torch.vtensor<[?,3,6],f32>, !torch.int, !torch.int, !torch.int, !torch.int) -> !torch.vtensor<[?,3,2],f32>
    %y1 = "torch.aten.clone"(%slice_tensor_1, %int0) : (!torch.vtensor<[?,3,2],f32>, !torch.int) -> !torch.vtensor<[?,3,2],f32>
    func.return {adaptc.tree = "(%0, %1)"} %y0, %y1 : !torch.vtensor<[?,3,2],f32>, !torch.vtensor<[?,3,2],f32>
  }
}

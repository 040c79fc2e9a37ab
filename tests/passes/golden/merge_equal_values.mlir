// python -m pytest tests/passes/test_rules.py -k merge_equal_values
module {
  func.func @net(%x: !torch.vtensor<[2,4],f32>) -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>) {
    %exp = "torch.aten.exp"(%x) : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
    %exp_1 = "torch.aten.exp"(%x) : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%exp_1, %none) : (!torch.vtensor<[2,4],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y0 = "torch.aten.add.Tensor"(%exp, %sum, %int1) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[2,4],f32>
    %y1 = "torch.aten.exp"(%x) : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
    %exp_2 = "torch.aten.exp"(%x) : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
    %exp_3 = "torch.aten.exp"(%x) : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
    %sum_1 = "torch.aten.sum"(%exp_3, %none) : (!torch.vtensor<[2,4],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %y2 = "torch.aten.add.Tensor"(%exp_2, %sum_1, %int1) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "(%0, %1, %2)"} %y0, %y1, %y2 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>
  }
}
// ----- merge-equal-values
module {
  func.func @net(%x: !torch.vtensor<[2,4],f32>) -> (!torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>) {
    %y1 = "torch.aten.exp"(%x) : (!torch.vtensor<[2,4],f32>) -> !torch.vtensor<[2,4],f32>
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%y1, %none) : (!torch.vtensor<[2,4],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y2 = "torch.aten.add.Tensor"(%y1, %sum, %int1) : (!torch.vtensor<[2,4],f32>, !torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[2,4],f32>
    func.return {adaptc.tree = "(%0, %1, %2)"} %y2, %y1, %y2 : !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>, !torch.vtensor<[2,4],f32>
  }
}

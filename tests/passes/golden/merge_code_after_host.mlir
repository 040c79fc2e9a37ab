// python -m pytest tests/passes/test_golden.py -k merge_code_after_host
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %rows = "adaptc.size"(%x) {dim = 0 : i64} : (!torch.vtensor<[2],f32>) -> i64
    cf.br ^work(%x, %rows : !torch.vtensor<[2],f32>, i64)
  ^work(%v: !torch.vtensor<[2],f32>, %n: i64):
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%v, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    func.return {adaptc.tree = "(%0, %1)"} %y, %n : !torch.vtensor<[2],f32>, i64
  }
}
// ----- merge-chains
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %rows = "adaptc.size"(%x) {dim = 0 : i64} : (!torch.vtensor<[2],f32>) -> i64
    func.return {adaptc.tree = "(%0, %1)"} %y, %rows : !torch.vtensor<[2],f32>, i64
  }
}

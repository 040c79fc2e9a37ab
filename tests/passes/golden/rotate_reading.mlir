// python -m pytest tests/passes/test_golden.py -k rotate_reading
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    cf.br ^head(%x : !torch.vtensor<[2],f32>)
  ^head(%x_1: !torch.vtensor<[2],f32>):
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x_1, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x_1, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^body(%y : !torch.vtensor<[2],f32>), ^end(%x_1 : !torch.vtensor<[2],f32>)
  ^body(%x_2: !torch.vtensor<[2],f32>):
    %int3 = "torch.constant.int"() <{value = 3 : i64}> : () -> !torch.int
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.sub.Scalar"(%x_2, %int3, %int1) : (!torch.vtensor<[2],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^head(%y_1 : !torch.vtensor<[2],f32>)
  ^end(%x_3: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_3 : !torch.vtensor<[2],f32>
  }
}
// ----- rotate-loops
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>) {
    cf.br ^head.1(%x : !torch.vtensor<[2],f32>)
  ^head(%x_1: !torch.vtensor<[2],f32>):
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x_1, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x_1, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go, ^body(%y : !torch.vtensor<[2],f32>), ^end(%x_1 : !torch.vtensor<[2],f32>)
  ^body(%x_2: !torch.vtensor<[2],f32>):
    %int3 = "torch.constant.int"() <{value = 3 : i64}> : () -> !torch.int
    %int1 = "torch.constant.int"() <{value = 1 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.sub.Scalar"(%x_2, %int3, %int1) : (!torch.vtensor<[2],f32>, !torch.int, !torch.int) -> !torch.vtensor<[2],f32>
    cf.br ^head(%y_1 : !torch.vtensor<[2],f32>)
  ^end(%x_3: !torch.vtensor<[2],f32>):
    func.return {adaptc.tree = "%0"} %x_3 : !torch.vtensor<[2],f32>
  ^head.1(%x_4: !torch.vtensor<[2],f32>):
    %none_1 = "torch.constant.none"() : () -> !torch.none
    %sum_1 = "torch.aten.sum"(%x_4, %none_1) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0_1 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t_1 = "torch.aten.gt.Scalar"(%sum_1, %int0_1) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_2 = "torch.aten.mul.Scalar"(%x_4, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go.1 = "adaptc.read"(%t_1) {name = "go.1"} : (!torch.vtensor<[],i1>) -> i1
    cf.cond_br %go.1, ^body(%y_2 : !torch.vtensor<[2],f32>), ^end(%x_4 : !torch.vtensor<[2],f32>)
  }
}

// python -m pytest tests/passes/test_golden.py -k thread_known_counter
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    %c0 = arith.constant 0 : i64
    cf.cond_br %go, ^test(%x, %c0 : !torch.vtensor<[2],f32>, i64), ^count(%x : !torch.vtensor<[2],f32>)
  ^count(%x_1: !torch.vtensor<[2],f32>):
    %cst = arith.constant 3.5 : f64
    %n = "adaptc.int"(%cst) : (f64) -> i64
    cf.br ^test(%x_1, %n : !torch.vtensor<[2],f32>, i64)
  ^test(%x_2: !torch.vtensor<[2],f32>, %n_1: i64):
    %c2 = arith.constant 2 : i64
    %large = arith.cmpi sgt, %n_1, %c2 : i64
    cf.cond_br %large, ^double(%x_2 : !torch.vtensor<[2],f32>), ^end(%x_2, %n_1 : !torch.vtensor<[2],f32>, i64)
  ^double(%x_3: !torch.vtensor<[2],f32>):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.mul.Scalar"(%x_3, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %c9 = arith.constant 9 : i64
    cf.br ^end(%y_1, %c9 : !torch.vtensor<[2],f32>, i64)
  ^end(%x_4: !torch.vtensor<[2],f32>, %n_2: i64):
    func.return {adaptc.tree = "(%0, %1)"} %x_4, %n_2 : !torch.vtensor<[2],f32>, i64
  }
}
// ----- thread-jumps
module {
  func.func @net(%x: !torch.vtensor<[2],f32>) -> (!torch.vtensor<[2],f32>, i64) {
    %none = "torch.constant.none"() : () -> !torch.none
    %sum = "torch.aten.sum"(%x, %none) : (!torch.vtensor<[2],f32>, !torch.none) -> !torch.vtensor<[],f32>
    %int0 = "torch.constant.int"() <{value = 0 : i64}> : () -> !torch.int
    %t = "torch.aten.gt.Scalar"(%sum, %int0) : (!torch.vtensor<[],f32>, !torch.int) -> !torch.vtensor<[],i1>
    %int2 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y = "torch.aten.mul.Scalar"(%x, %int2) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %go = "adaptc.read"(%t) {name = "go"} : (!torch.vtensor<[],i1>) -> i1
    %c0 = arith.constant 0 : i64
    cf.cond_br %go, ^end(%x, %c0 : !torch.vtensor<[2],f32>, i64), ^count(%x : !torch.vtensor<[2],f32>)
  ^count(%x_1: !torch.vtensor<[2],f32>):
    %cst = arith.constant 3.5 : f64
    %n = "adaptc.int"(%cst) : (f64) -> i64
    cf.br ^test(%x_1, %n : !torch.vtensor<[2],f32>, i64)
  ^test(%x_2: !torch.vtensor<[2],f32>, %n_1: i64):
    %c2 = arith.constant 2 : i64
    %large = arith.cmpi sgt, %n_1, %c2 : i64
    cf.br ^double(%x_2 : !torch.vtensor<[2],f32>)
  ^double(%x_3: !torch.vtensor<[2],f32>):
    %int2_1 = "torch.constant.int"() <{value = 2 : i64}> : () -> !torch.int
    %y_1 = "torch.aten.mul.Scalar"(%x_3, %int2_1) : (!torch.vtensor<[2],f32>, !torch.int) -> !torch.vtensor<[2],f32>
    %c9 = arith.constant 9 : i64
    cf.br ^end(%y_1, %c9 : !torch.vtensor<[2],f32>, i64)
  ^end(%x_4: !torch.vtensor<[2],f32>, %n_2: i64):
    func.return {adaptc.tree = "(%0, %1)"} %x_4, %n_2 : !torch.vtensor<[2],f32>, i64
  }
}

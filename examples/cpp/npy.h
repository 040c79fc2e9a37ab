// Arrays in .npy files, NumPy's own format (version 1 to 3, little-endian, in C order).
#pragma once

#include <onnxruntime_cxx_api.h>

#include <cstdint>
#include <fstream>
#include <iterator>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

struct DType {
    ONNXTensorElementDataType type;
    const char* npy;  // as .npy files name it
    const char* name;
    std::size_t bytes;
};

inline const DType kDTypes[] = {
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, "<f4", "float32", 4},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE, "<f8", "float64", 8},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16, "<f2", "float16", 2},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64, "<i8", "int64", 8},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32, "<i4", "int32", 4},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16, "<i2", "int16", 2},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8, "|i1", "int8", 1},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64, "<u8", "uint64", 8},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32, "<u4", "uint32", 4},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16, "<u2", "uint16", 2},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8, "|u1", "uint8", 1},
    {ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL, "|b1", "bool", 1},
};

inline const DType& dtype_of(ONNXTensorElementDataType type) {
    for (const DType& each : kDTypes)
        if (each.type == type) return each;
    throw std::runtime_error("element type " + std::to_string(type) + " has no NumPy dtype here");
}

struct Array {
    const DType* dtype;
    std::vector<std::int64_t> shape;
    std::vector<char> data;
};

inline Array read_npy(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("there is no file " + path);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    if (content.size() < 12 || content.compare(0, 6, "\x93NUMPY") != 0)
        throw std::runtime_error(path + " is not an .npy file");
    const auto byte = [&](std::size_t place) { return std::size_t{static_cast<unsigned char>(content[place])}; };
    const std::size_t start = byte(6) == 1 ? 10 : 12;  // the header's length takes two bytes, or four
    std::size_t length = byte(8) | byte(9) << 8;
    if (start == 12) length |= byte(10) << 16 | byte(11) << 24;
    const std::string header = content.substr(start, length);

    std::smatch descr, shape;
    if (!std::regex_search(header, descr, std::regex("'descr': *'([^']+)'")) ||
        !std::regex_search(header, shape, std::regex("'shape': *\\(([^)]*)\\)")))
        throw std::runtime_error(path + " holds no plain array");
    if (header.find("'fortran_order': False") == std::string::npos)
        throw std::runtime_error(path + " is in Fortran order; save numpy.ascontiguousarray of it");
    Array array{nullptr, {}, {}};
    for (const DType& each : kDTypes)
        if (descr[1] == each.npy) array.dtype = &each;
    if (array.dtype == nullptr) throw std::runtime_error(path + " has the dtype " + descr[1].str());
    const std::string extents = shape[1];
    const std::regex number("[0-9]+");
    std::size_t bytes = array.dtype->bytes;
    for (std::sregex_iterator found(extents.begin(), extents.end(), number), end; found != end; ++found) {
        array.shape.push_back(std::stoll(found->str()));
        bytes *= static_cast<std::size_t>(array.shape.back());
    }
    if (content.size() != start + length + bytes) throw std::runtime_error(path + " is not as long as its header says");
    array.data.assign(content.begin() + static_cast<std::ptrdiff_t>(start + length), content.end());
    return array;
}

inline void write_npy(const std::string& path, const DType& dtype, const std::vector<std::int64_t>& shape,
                      const char* data, std::size_t bytes) {
    std::string header = std::string("{'descr': '") + dtype.npy + "', 'fortran_order': False, 'shape': (";
    for (const std::int64_t extent : shape) header += std::to_string(extent) + ",";
    header += "), }";
    header.append(63 - (header.size() + 10) % 64, ' ').push_back('\n');  // the data begins at a multiple of 64
    const char length[] = {static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
    std::ofstream file(path, std::ios::binary);
    file.write("\x93NUMPY\x01\x00", 8).write(length, 2) << header;
    if (!file.write(data, static_cast<std::streamsize>(bytes))) throw std::runtime_error("cannot write " + path);
}

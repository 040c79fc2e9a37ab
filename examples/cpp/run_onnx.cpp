// Runs an ONNX model with ONNX Runtime alone:
//
//     run_onnx MODEL.onnx                          tells its inputs and outputs
//     run_onnx MODEL.onnx x=image.npy              runs it and prints the outputs
//     run_onnx MODEL.onnx x=image.npy -o FOLDER    writes each output to FOLDER/NAME.npy too
//
// Exits with 1 where the run fails, as it does where the network raises, and with 2 where it was called wrongly.

#include <onnxruntime_cxx_api.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "npy.h"

namespace {

constexpr std::size_t kShown = 10;  // so many elements of an output are printed

// A call with arguments that do not go together.
struct UsageError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

template <typename Items>
std::string joined(const Items& items) {
    std::ostringstream text;
    const char* separator = "";
    for (const auto& item : items) {
        text << separator << item;
        separator = ", ";
    }
    return text.str();
}

// What an input or output is, "float32[batch, 10]".
std::string type_text(const Ort::TypeInfo& info) {
    if (info.GetONNXType() != ONNX_TYPE_TENSOR) throw std::runtime_error("the model takes or gives what is no tensor");
    const auto tensor = info.GetTensorTypeAndShapeInfo();
    const std::vector<std::int64_t> extents = tensor.GetShape();
    const std::vector<const char*> names = tensor.GetSymbolicDimensions();
    std::vector<std::string> shape;
    for (std::size_t dim = 0; dim < extents.size(); ++dim)
        shape.push_back(extents[dim] >= 0 ? std::to_string(extents[dim]) : *names[dim] ? names[dim] : "?");
    return std::string(dtype_of(tensor.GetElementType()).name) + "[" + joined(shape) + "]";
}

template <typename Number>
std::string elements(const Ort::Value& value) {
    const auto* data = value.GetTensorData<Number>();
    const std::size_t count = value.GetTensorTypeAndShapeInfo().GetElementCount();
    std::vector<std::string> shown;
    for (std::size_t place = 0; place < std::min(count, kShown); ++place) {
        std::ostringstream text;
        if constexpr (std::is_same_v<Number, bool>)
            text << std::boolalpha << data[place];
        else
            text << +data[place];  // + makes a number of an 8-bit integer, which is a character here
        shown.push_back(text.str());
    }
    if (count > kShown) shown.push_back("...");
    return joined(shown);
}

std::string elements_text(const Ort::Value& value) {
    switch (value.GetTensorTypeAndShapeInfo().GetElementType()) {
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT: return elements<float>(value);
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE: return elements<double>(value);
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64: return elements<std::int64_t>(value);
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32: return elements<std::int32_t>(value);
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16: return elements<std::int16_t>(value);
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8: return elements<std::int8_t>(value);
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64: return elements<std::uint64_t>(value);
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32: return elements<std::uint32_t>(value);
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16: return elements<std::uint16_t>(value);
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8: return elements<std::uint8_t>(value);
        case ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL: return elements<bool>(value);
        default: return "...";
    }
}

void tell(const Ort::Session& session) {
    Ort::AllocatorWithDefaultOptions allocator;
    std::cout << session.GetModelMetadata().GetDescriptionAllocated(allocator).get() << "\n";
    const std::vector<std::string> inputs = session.GetInputNames(), outputs = session.GetOutputNames();
    for (std::size_t place = 0; place < inputs.size(); ++place)
        std::cout << "input   " << inputs[place] << "  " << type_text(session.GetInputTypeInfo(place)) << "\n";
    for (std::size_t place = 0; place < outputs.size(); ++place)
        std::cout << "output  " << outputs[place] << "  " << type_text(session.GetOutputTypeInfo(place)) << "\n";
}

void run(Ort::Session& session, std::map<std::string, Array>& given, const std::string& folder) {
    const std::vector<std::string> names = session.GetInputNames(), results = session.GetOutputNames();
    const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
    std::vector<const char*> input_names, output_names;
    std::vector<Ort::Value> inputs;
    for (const std::string& name : names) {
        const auto found = given.find(name);
        if (found == given.end()) throw UsageError("the input " + name + " is missing");
        Array& array = found->second;
        inputs.push_back(Ort::Value::CreateTensor(memory, array.data.data(), array.data.size(), array.shape.data(),
                                                  array.shape.size(), array.dtype->type));
        input_names.push_back(name.c_str());
    }
    if (given.size() > names.size()) throw UsageError("the inputs are " + joined(names));
    for (const std::string& name : results) output_names.push_back(name.c_str());

    const std::vector<Ort::Value> outputs = session.Run(Ort::RunOptions{nullptr}, input_names.data(), inputs.data(),
                                                        inputs.size(), output_names.data(), output_names.size());
    for (std::size_t place = 0; place < outputs.size(); ++place) {
        const auto info = outputs[place].GetTensorTypeAndShapeInfo();
        const DType& dtype = dtype_of(info.GetElementType());
        std::cout << results[place] << "  " << dtype.name << "[" << joined(info.GetShape()) << "]  "
                  << elements_text(outputs[place]) << "\n";
        if (!folder.empty())
            write_npy(folder + "/" + results[place] + ".npy", dtype, info.GetShape(),
                      static_cast<const char*>(outputs[place].GetTensorRawData()),
                      info.GetElementCount() * dtype.bytes);
    }
}

}  // namespace

int main(int count, char** words) {
    const std::vector<std::string> arguments(words + 1, words + count);
    try {
        if (arguments.empty()) throw UsageError("call it as run_onnx MODEL.onnx [INPUT=FILE.npy ...] [-o FOLDER]");
        std::map<std::string, Array> given;
        std::string folder;
        for (std::size_t place = 1; place < arguments.size(); ++place) {
            const std::string& argument = arguments[place];
            const std::size_t sign = argument.find('=');
            if (argument == "-o" && place + 1 < arguments.size())
                folder = arguments[++place];
            else if (sign != std::string::npos)
                given[argument.substr(0, sign)] = read_npy(argument.substr(sign + 1));
            else
                throw UsageError("neither INPUT=FILE.npy nor -o FOLDER: " + argument);
        }
        Ort::Env env(ORT_LOGGING_LEVEL_FATAL);  // what fails is in the exception
        Ort::SessionOptions options;
        options.SetIntraOpNumThreads(1);  // small networks lose more to threads than they gain
        Ort::Session session(env, arguments[0].c_str(), options);
        if (given.empty() && session.GetInputCount() > 0)
            tell(session);
        else
            run(session, given, folder);
        return 0;
    } catch (const UsageError& error) {
        std::cerr << "run_onnx: " << error.what() << "\n";
        return 2;
    } catch (const std::exception& error) {
        std::cerr << "run_onnx: " << error.what() << "\n";
        return 1;
    }
}

//! Model packs and ONNX Runtime sessions.

"""Write trained networks for other tools: ONNX, safetensors, the textbook's JSON, a web page."""

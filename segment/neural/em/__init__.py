"""Neural EM that predicts frames: slots share the pixels of pictures and sequences."""

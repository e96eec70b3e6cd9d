//! What runs out, T31–T40: descriptors, memory, disk, processes, standard streams.

// An actor that handles nothing at all, for sdk_test.cc.
#include <theater.hpp>

struct Nothing : theater::Actor {};

template struct theater::Component<Nothing>;

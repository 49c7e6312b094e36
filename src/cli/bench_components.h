#pragma once

#include "theater/bytes.h"

namespace theater::cli {

// The actors of `theater bench` (examples/bench), inside this program so that it can measure wherever it is installed.
ByteView bencher_component();
ByteView blaster_component();
ByteView requester_component();
ByteView responder_component();
ByteView sink_component();

}  // namespace theater::cli

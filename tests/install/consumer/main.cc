// What someone else's program does with an installed Theater.
#include <cstdio>

#include "theater/bytes.h"
#include "theater/id.h"
#include "theater/value.h"

int main() {
  theater::Bytes bytes;
  theater::ValueWriter writer(bytes);
  writer.signed_integer(-300);
  writer.string("from outside");

  theater::ValueReader reader(bytes);
  const bool equal = reader.signed_integer() == -300 && reader.string() == "from outside" && reader.done();
  std::puts(equal ? "ok" : "the value came back changed");
  return equal ? 0 : 1;
}

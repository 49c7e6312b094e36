#include "runtime/told_history.h"

#include "runtime/recorded_events.h"

namespace theater::runtime {
Result<std::uint64_t> tell_history(const ChainSource& chain, FunctionTable functions, std::uint64_t from_sequence,
                                   const Runtime::EventCallback& heard) {
  ChainReader reader(std::move(functions));
  reader.use_payloads(&chain);
  auto links = chain.links(sequence_to_read_from(from_sequence));
  if (!links) return fail(std::move(links.error()));
  std::uint64_t next = from_sequence;
  while (true) {
    const auto link = (*links)->next();
    if (!link) return fail(link.error());
    if (!*link) return next;
    // The large values are read with the same source.
    const Bytes bytes = to_bytes((*link)->bytes);
    const auto events = reader.read(bytes);
    if (!events) return fail(events.error());
    for (const Event& event : *events) {
      if (event.sequence < next) continue;
      heard(event);
      next = event.sequence + 1;
    }
  }
}

}  // namespace theater::runtime

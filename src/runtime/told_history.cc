#include "runtime/told_history.h"

#include "runtime/recorded_events.h"

namespace theater::runtime {
namespace {

/// The table in force where the chain begins.
Result<FunctionTable> first_functions(const ChainSource& chain, const std::vector<Bytes>& remnants) {
  auto links = chain.links(0);
  if (!links) return fail(std::move(links.error()));
  const auto first = (*links)->next();
  if (!first) return fail(first.error());
  ChainReader reader;
  for (const Bytes& link : remnants) {
    if (auto read = reader.read(link); !read) return fail(std::move(read.error()));
  }
  if (*first) {
    if (auto read = reader.read((*first)->bytes); !read) return fail(std::move(read.error()));
  }
  return reader.functions();
}

}  // namespace

Result<std::uint64_t> tell_history(const ChainSource& chain, const std::vector<Bytes>& remnants,
                                   const std::optional<FunctionTable>& functions, std::uint64_t from_sequence,
                                   const Runtime::EventCallback& heard) {
  FunctionTable table;
  if (functions) {
    table = *functions;
  } else if (from_sequence > 0 || chain.first_sequence() > 0) {
    auto first = first_functions(chain, remnants);
    if (!first) return fail(std::move(first.error()));
    table = std::move(*first);
  }
  ChainReader reader(std::move(table));
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

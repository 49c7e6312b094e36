#include "chain/redact.h"

#include <algorithm>
#include <filesystem>

#include "chain/bundle.h"
#include "chain/chain_file.h"
#include "chain/forwarding_chain_source.h"
#include "chain/link_codec.h"

namespace theater {
namespace {

/// A chain some of whose values are no longer there.
class WithoutValues final : public ForwardingChainSource {
 public:
  WithoutValues(std::unique_ptr<ChainSource> source, const std::set<Digest>& values)
      : ForwardingChainSource(std::move(source), nullptr), values_(values) {}

  std::optional<Bytes> find(const Digest& digest) const override {
    auto content = ForwardingChainSource::find(digest);
    if (!values_.contains(digest)) return content;
    if (content) removed_[digest] = content->size();
    return std::nullopt;
  }

  const NamedValues& removed() const { return removed_; }

 private:
  const std::set<Digest>& values_;
  mutable NamedValues removed_;
};

Result<void> copy_records(ChainFileReader& reader, ChainFileWriter& writer, const std::set<Digest>& values,
                          NamedValues& removed, const RedactProgress& progress) {
  while (true) {
    const auto record = reader.next();
    if (!record) return fail(record.error());
    if (!*record) return writer.flush(/*sync=*/true);
    const ByteView content = (*record)->bytes;
    switch ((*record)->type) {
      case ChainFileRecord::Type::kPayload:
        if (values.contains((*record)->digest)) {
          removed[(*record)->digest] = content.size();
        } else if (auto kept = writer.keep(content); !kept) {
          return kept;
        }
        break;
      case ChainFileRecord::Type::kLink: {
        const chain::LinkDecoder decoder(content);
        if (!decoder.ok()) return fail(ErrorCode::kCorrupt, "a link is malformed: " + decoder.fault()->to_string());
        if (auto appended = writer.append({.actor = decoder.header().actor,
                                           .first_sequence = decoder.header().first_sequence,
                                           .event_count = decoder.header().event_count,
                                           .bytes = content,
                                           .hash = (*record)->digest,
                                           .payloads = {}});
            !appended) {
          return appended;
        }
        if (progress) progress(decoder.header().first_sequence + decoder.header().event_count);
        break;
      }
      case ChainFileRecord::Type::kClosed: return writer.close(/*sync=*/true);
    }
  }
}

}  // namespace

RedactSummary summary_of(const NamedValues& removed) {
  RedactSummary summary{.values = removed.size()};
  for (const auto& [digest, size] : removed) summary.bytes += size;
  return summary;
}

Result<NamedValues> values_of_events(const ChainSource& source, const std::set<std::uint64_t>& sequences, bool all,
                                     const RedactProgress& progress) {
  NamedValues values;
  std::set<std::uint64_t> sought = sequences;
  auto links = source.links(all || sought.empty() ? 0 : *sought.begin());
  if (!links) return fail(std::move(links.error()));
  while (all || !sought.empty()) {
    const auto link = (*links)->next();
    if (!link) return fail(link.error());
    if (!*link) break;
    chain::LinkDecoder decoder((*link)->bytes);
    chain::EventView event;
    while (decoder.next(event)) {
      const bool is_sought = sought.erase(event.sequence) > 0;
      if (!all && !is_sought) continue;
      chain::visit_digests(
          event, [&](ByteView digest, std::uint64_t size) { values.emplace(chain::digest_of(digest), size); });
    }
    if (decoder.fault()) return fail(ErrorCode::kCorrupt, source.name() + ": " + decoder.fault()->to_string());
    if (progress) progress(decoder.header().first_sequence + decoder.header().event_count);
  }
  if (sought.empty()) return values;
  return fail(ErrorCode::kNotFound, source.name() + " has no event " + std::to_string(*sought.begin()));
}

Result<RedactSummary> redact_chain_file(const std::string& path, const std::string& new_path,
                                        const std::set<Digest>& values, const RedactProgress& progress) {
  // A chain that is not true must not be made to look as if somebody had gone through it.
  const auto verified = verify_chain_file(path);
  if (!verified) return fail(verified.error());
  if (!verified->ok()) {
    return fail(ErrorCode::kCorrupt, path + " is broken at event " + std::to_string(verified->chain.fault->sequence) +
                                         ": " + verified->chain.fault->what);
  }
  auto reader = ChainFileReader::open(path);
  if (!reader) return fail(std::move(reader.error()));
  auto writer = ChainFileWriter::create(new_path);
  if (!writer) return fail(std::move(writer.error()));
  NamedValues removed;
  if (auto copied = copy_records(**reader, **writer, values, removed, progress); !copied) {
    std::error_code ignored;
    std::filesystem::remove(new_path, ignored);
    return fail(std::move(copied.error()));
  }
  return summary_of(removed);
}

Result<RedactSummary> redact_bundle(const std::string& path, const std::string& new_path,
                                    const std::set<Digest>& values, const RedactProgress& progress) {
  const auto bundle = Bundle::open(path);
  if (!bundle) return fail(bundle.error());
  auto source = open_bundle(path);
  if (!source) return fail(std::move(source.error()));
  const WithoutValues without(std::move(*source), values);
  BundleExtras extras;
  extras.permissions = (*bundle)->permissions().value_or("");
  extras.proofs = (*bundle)->proofs();
  if (auto written = write_bundle(new_path, without, extras, progress); !written)
    return fail(std::move(written.error()));
  return summary_of(without.removed());
}

}  // namespace theater

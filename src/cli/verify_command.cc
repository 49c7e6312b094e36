#include <nlohmann/json.hpp>

#include "chain/verify.h"
#include "cli/commands.h"

namespace theater::cli {
namespace {

using nlohmann::ordered_json;

ordered_json to_json(const std::string& file, const FileVerifyReport& report) {
  ordered_json json = {{"file", file},
                       {"ok", report.ok()},
                       {"actor", to_string(report.chain.actor)},
                       {"events", report.chain.events},
                       {"links", report.chain.links},
                       {"first_sequence", report.chain.first_sequence},
                       {"complete", report.chain.complete},
                       {"closed", report.closed},
                       {"torn_bytes", report.torn_bytes},
                       {"payloads_checked", report.chain.payloads_checked},
                       {"payloads_missing", report.chain.payloads_missing},
                       {"head", to_hex(report.chain.head_hash)}};
  if (report.chain.fault)
    json["fault"] = {{"sequence", report.chain.fault->sequence}, {"what", report.chain.fault->what}};
  return json;
}

void show(Output& output, const std::string& file, const FileVerifyReport& report) {
  const VerifyReport& chain = report.chain;
  if (chain.fault) {
    output.line(output.bad("BROKEN") + "  " + file + ": at event " + std::to_string(chain.fault->sequence) + ": " +
                chain.fault->what);
    output.line("        the " + grouped(chain.events) + " events before it are as they were recorded");
    return;
  }
  output.line(output.good("OK") + "  " + file + ": actor " + to_string(chain.actor) + ", " + grouped(chain.events) +
              " events in " + grouped(chain.links) + " links, head " + to_hex(chain.head_hash));
  if (!chain.complete)
    output.line("    begins with event " + std::to_string(chain.first_sequence) + "; earlier ones are not in the file");
  if (chain.payloads_missing > 0)
    output.line("    " + grouped(chain.payloads_missing) + " large values are not in the file; their digests are");
  if (report.torn_bytes > 0) {
    output.line("    the file was cut: its last " + grouped(report.torn_bytes) +
                " bytes are no whole record and were left out");
  } else if (!report.closed) {
    output.line("    the file was not closed by its writer: later events may be missing");
  }
}

}  // namespace

void add_verify_command(CLI::App& app, Context& context) {
  auto files = std::make_shared<std::vector<std::string>>();
  auto head = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("verify", "Check that recorded chains are as they were written");
  command->add_option("files", *files, "Chain files, as save_chain = true writes them")->required()->type_name("FILE");
  command
      ->add_option("--head", *head,
                   "The head that the (only) chain must end with, as hexadecimal; without it a chain that was cut at "
                   "its end cannot be told from a whole one")
      ->type_name("HASH");
  command->footer("Exit codes: 0 all verify; 1 one is broken or cannot be read.");
  command->callback([files, head, &context] {
    VerifyExpectation expectation;
    if (!head->empty()) {
      Digest digest{};
      if (head->size() != 64 || files->size() != 1 || !parse_hex(*head, digest)) {
        context.output.error_line("theater verify: --head takes 64 hexadecimal digits and one file");
        context.exit_code = kExitFailed;
        return;
      }
      expectation.head_hash = digest;
    }
    for (const std::string& file : *files) {
      const auto report = verify_chain_file(file, expectation);
      if (!report) {
        context.exit_code = kExitFailed;
        if (context.json) {
          context.output.line(
              ordered_json{{"file", file}, {"ok", false}, {"error", report.error().to_string()}}.dump());
        } else {
          context.output.error_line(context.output.bad("theater verify: ") + report.error().to_string());
        }
        continue;
      }
      if (!report->ok()) context.exit_code = kExitFailed;
      if (context.json) {
        context.output.line(to_json(file, *report).dump());
      } else {
        show(context.output, file, *report);
      }
    }
  });
}

}  // namespace theater::cli

using Kosmos2.Engine.Processing;

namespace Kosmos2.Cli.Tasks;

/// <summary>Each command's request.</summary>
internal static class TaskPrompts
{
    private const string PlainDetail = "Describe this image in detail:";

    public static TaskRequest Caption(bool grounded) => new("caption", _ => grounded ? Prompts.GroundedCaption : Prompts.Caption);

    public static TaskRequest Describe(bool grounded) => new("describe", _ => grounded ? Prompts.GroundedDetail : PlainDetail);

    public static TaskRequest Ground(string phrase) => new("ground", _ => Prompts.Ground(phrase));

    public static TaskRequest Ask(string question, bool grounded) =>
        new("ask", _ => grounded ? Prompts.GroundedAsk(question) : Prompts.Ask(question)) { AnswerOnly = true };

    public static TaskRequest Refer(BoxArgument box) => new("refer", picture => Prompts.Refer(box.In(picture)));
}

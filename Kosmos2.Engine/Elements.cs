using System.Runtime.CompilerServices;

namespace Kosmos2.Engine;

/// <summary>Checks lists that a caller hands over.</summary>
internal static class Elements
{
    /// <summary>Refuses a list that is null or holds a null.</summary>
    /// <param name="list">The list.</param>
    /// <param name="name">The parameter's name.</param>
    /// <exception cref="ArgumentNullException">The list is null.</exception>
    /// <exception cref="ArgumentException">An element is null; the message has its index.</exception>
    public static void ThrowIfNull<T>(IReadOnlyList<T> list, [CallerArgumentExpression(nameof(list))] string? name = null)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(list, name);
        for (int i = 0; i < list.Count; i++)
        {
            if (list[i] is null)
                throw new ArgumentException($"{name}[{i}] is null", name);
        }
    }
}

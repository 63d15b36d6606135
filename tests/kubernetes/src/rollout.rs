//! How many pods there are while a Deployment is updated: those that are on their way out count
//! too, until they are gone.

use serde_json::Value;

use crate::fields::Fields;

/// What decides how an update goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout {
    /// How many pods there are before and after.
    pub replicas: i64,
    /// How many more there may be.
    pub surge: i64,
    /// How many fewer may be available.
    pub unavailable: i64,
    /// The least seconds after which a new pod counts as available.
    pub available_after: i64,
    /// The most seconds that a pod takes to end.
    pub grace: i64,
}

impl Rollout {
    /// Of a Deployment with so many replicas; what it doesn't say is as Kubernetes has it.
    #[must_use]
    pub fn of(deployment: &Value, replicas: i64) -> Self {
        let strategy = |field: &str, rounded_up: bool| {
            let said = deployment.pointer(&format!("/spec/strategy/rollingUpdate/{field}"));
            let quarter = Value::from("25%");
            match said.unwrap_or(&quarter) {
                Value::String(share) => {
                    let share: i64 = share.trim_end_matches('%').parse().unwrap_or(100);
                    let hundredths = replicas * share;
                    hundredths / 100 + i64::from(rounded_up && hundredths % 100 > 0)
                }
                number => number.as_i64().unwrap_or_default(),
            }
        };
        let pod = "/spec/template/spec";
        let number = |path: &str, default| deployment.number(path).unwrap_or(default);
        let ready = format!("{pod}/containers/0/readinessProbe/initialDelaySeconds");
        let (surge, unavailable) = (
            strategy("maxSurge", true),
            strategy("maxUnavailable", false),
        );
        Self {
            replicas,
            // Kubernetes doesn't take none of both.
            surge: surge.max(i64::from(unavailable == 0)),
            unavailable,
            available_after: (number(&ready, 0) + number("/spec/minReadySeconds", 0)).max(1),
            grace: number(&format!("{pod}/terminationGracePeriodSeconds"), 30),
        }
    }

    /// The most pods that there are at a time, second by second: new ones become available as
    /// early, and old ones end as late, as they can.
    #[must_use]
    pub fn most_pods(&self) -> i64 {
        let count = |all: &[i64]| i64::try_from(all.len()).unwrap_or(i64::MAX);
        let mut old = self.replicas;
        let mut started: Vec<i64> = Vec::new();
        let mut ending: Vec<i64> = Vec::new();
        let mut most = old;
        let mut second = 0;
        while old > 0 || !ending.is_empty() {
            ending.retain(|end| *end > second);
            // Whatever one step makes possible is done at once.
            loop {
                let room = self.replicas + self.surge - old - count(&started);
                let wanted = room.min(self.replicas - count(&started));
                for _ in 0..wanted {
                    started.push(second);
                }
                let is_available = |start: &i64| start + self.available_after <= second;
                let available = started.iter().copied().filter(is_available);
                let available = count(&available.collect::<Vec<_>>());
                let spare = (old + available - (self.replicas - self.unavailable)).clamp(0, old);
                for _ in 0..spare {
                    old -= 1;
                    ending.push(second + self.grace);
                }
                most = most.max(old + count(&started) + count(&ending));
                if wanted <= 0 && spare == 0 {
                    break;
                }
            }
            second += 1;
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::Rollout;
    use serde_json::json;

    #[test]
    fn pods_that_end_count_until_they_are_gone() {
        let one_by_one = Rollout {
            replicas: 10,
            surge: 1,
            unavailable: 0,
            available_after: 6,
            grace: 1,
        };
        assert_eq!(one_by_one.most_pods(), 12);
        let most = |grace| {
            Rollout {
                grace,
                ..one_by_one
            }
            .most_pods()
        };
        assert_eq!(most(6), 12);
        assert_eq!(most(30), 16);
        assert_eq!(most(50), 20);
        assert_eq!(most(3600), 20, "never more than all old and all new ones");
    }

    #[test]
    fn what_a_deployment_does_not_say_is_as_kubernetes_has_it() {
        let rollout = Rollout::of(&json!({}), 10);
        let expected = Rollout {
            replicas: 10,
            surge: 3,
            unavailable: 2,
            available_after: 1,
            grace: 30,
        };
        assert_eq!(rollout, expected);
        assert_eq!(Rollout::of(&json!({}), 1).surge, 1);
    }
}
